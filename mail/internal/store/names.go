package store

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits of mailboxes.
const (
	maxName      = 200 // bytes
	maxLevels    = 16
	maxMailboxes = 2000 // of an account
)

// cleanMailboxName gives the one spelling of a mailbox's name: NFC (RFC 9051,
// 5.1), INBOX in capitals, "/" between levels, no empty level.
func cleanMailboxName(name string) (string, error) {
	name = norm.NFC.String(strings.TrimSuffix(name, "/"))
	levels := strings.Split(name, "/")
	if strings.EqualFold(levels[0], "INBOX") {
		levels[0] = "INBOX"
	}
	bad := !utf8.ValidString(name) || len(name) > maxName || len(levels) > maxLevels
	for _, level := range levels {
		bad = bad || level == "" || level != strings.TrimSpace(level) || strings.ContainsAny(level, "%*") || strings.IndexFunc(level, func(r rune) bool {
			return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
		}) >= 0
	}
	if bad {
		return "", invalid("mail.mailbox-name", "a mailbox name is 1 to %d bytes of text, levels joined by /, without * or %% or spaces at the ends", maxName)
	}
	return strings.Join(levels, "/"), nil
}
