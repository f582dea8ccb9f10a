package mail

import (
	"slices"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/message"
)

// The masked fields and the whole ones that win over them.
var maskedFields = [...]struct{ masked, whole postern.Field }{
	{postern.FieldFromMasked, postern.FieldFrom},
	{postern.FieldToMasked, postern.FieldTo},
	{postern.FieldSubjectMasked, postern.FieldSubject},
}

// given are the fields that a message shows under a receipt's: where both views
// of one are named, the whole one.
func given(fields postern.Field) postern.Field {
	fields &= envelopeFields | bytesFields
	for _, f := range maskedFields {
		if fields&f.whole != 0 {
			fields &^= f.masked
		}
	}
	return fields
}

// maskedAddresses lists what addresses would, each without its name and local
// part: a correspondent's domain says whether it is a bank or a shop, and the
// rest says who. There are as many as there are correspondents.
func maskedAddresses(lists ...[]message.Address) []string {
	var out []string
	var seen []string
	for _, list := range lists {
		for _, a := range list {
			whole := a.Addr()
			if slices.Contains(seen, whole) {
				continue
			}
			seen = append(seen, whole)
			out = append(out, message.MaskedAddress(a))
		}
	}
	return out
}
