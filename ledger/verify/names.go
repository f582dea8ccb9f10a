package verify

import (
	"fmt"
	"strings"
)

// What the numbers in a [Disclosure] mean. They are part of the format: a number
// is never given another meaning.
var (
	tierNames   = [Tiers]string{"account", "trace", "envelope", "content", "attachment"}
	reasonNames = [Reasons]string{"customer-support", "provider-service", "provider-review", "third-party-legal-request", "production-alert"}
	fieldBits   = [32]string{
		0: "status", 1: "quota", 2: "sign-ins", 3: "queue", 4: "rules",
		5: "trace",
		8: "mailboxes", 9: "from", 10: "to", 11: "subject", 12: "date", 13: "size",
		14: "from-masked", 15: "to-masked",
		16: "body",
		17: "subject-masked", 18: "rule-targets",
		20: "attachments", 21: "source",
	}
)

// fieldNames spells a bit set of fields; a bit without a name is shown as what it is, not left out.
func fieldNames(set uint32) string {
	var names []string
	for i, name := range fieldBits {
		if set>>i&1 == 0 {
			continue
		}
		if name == "" {
			name = fmt.Sprintf("field %d", i)
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
