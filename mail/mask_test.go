package mail

import (
	"strings"
	"testing"
	"unicode"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/message"
)

func TestMaskedSubject(t *testing.T) {
	for _, c := range []struct{ subject, want string }{
		{"", ""},
		{"Your invoice", "Your invoice"},
		{"Invoice 2026-0412 of 14 May", "Invoice ••••-•••• of •• May"},
		{"  two  spaces\tand a tab ", "  two  spaces\tand a tab "},
		{"Code G-482913", "Code G-••••••"},
		{"Code x7k2q9 for you", "Code •••••• for you"},
		{"Code x7k2-9qpl", "Code ••••••"},
		{"order-2026", "order-••••"},
		{"one mp3", "one mp•"},
		{"٤٨٢٩١٣ رمز", "•••••• رمز"},
		{"４８２ and 𝟒𝟖𝟐 and ②", "••• and ••• and •"},
		{"4\u200b8\u200b2\u200b9", "•\u200b•\u200b•\u200b•"},
		{"a1\u200bb2\u200bc3", "••••••"},
		{"mail from ana.lima@outlook.example again", "mail from •••@outlook.example again"},
		{`from "ana"@outlook.example`, "from •••@outlook.example"},
		{"<ana@shop24.example>", "•••@shop••.example>"},
		{"€1,234.50 paid", "€•,•••.•• paid"},
	} {
		if got := message.MaskedSubject(c.subject); got != c.want {
			t.Errorf("%q became %q, want %q", c.subject, got, c.want)
		}
	}
}

func TestMaskedAddresses(t *testing.T) {
	got := maskedAddresses([]message.Address{
		{Name: "Ana Lima", Mailbox: "ana", Host: "bank.example"}, {Mailbox: "bo", Host: "bank.example"},
		{Name: "Ana again", Mailbox: "ana", Host: "bank.example"}, {Name: "Local", Mailbox: "root"}, {Name: "Broken", Mailbox: "a", Host: "b.example ana@c.example"}})
	if want := "•••@bank.example|•••@bank.example|•••|•••"; strings.Join(got, "|") != want {
		t.Errorf("masked %v", got)
	}
}

func TestTheWholeFieldWins(t *testing.T) {
	all := postern.TierAttachment.Fields()
	got := given(all)
	if masks := postern.FieldFromMasked | postern.FieldToMasked | postern.FieldSubjectMasked; got&masks != 0 {
		t.Errorf("both views are given: %v", got.Names())
	}
	if got := given(postern.FieldFrom | postern.FieldFromMasked | postern.FieldToMasked | postern.FieldStatus); got != postern.FieldFrom|postern.FieldToMasked {
		t.Errorf("given %v", got.Names())
	}
}

// FuzzMasked: whatever a header says, no number survives in a subject, and
// nothing before an @ does.
func FuzzMasked(f *testing.F) {
	for _, seed := range []string{"Your code is 482913", "ana@outlook.example", "x7k2-9qpl @ b", "Ana Lima <ana@bank.example>, \"q q\"@c.example", "٤٨@٤.x", "a\u00a0b@c.d", "\xff1@\xff2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := message.MaskedSubject(s)
		if at := strings.IndexFunc(got, unicode.IsNumber); at >= 0 {
			t.Fatalf("%q became %q: a number survives", s, got)
		}
		for _, w := range strings.FieldsFunc(got, unicode.IsSpace) {
			if at := strings.LastIndexByte(w, '@'); at >= 0 && w[:at] != message.Bullets {
				t.Fatalf("%q became %q: something stands before the @", s, got)
			}
		}
		for _, a := range message.ParseAddresses(s) {
			one := message.MaskedAddress(a)
			if one != message.Bullets && one != message.Bullets+"@"+a.Host || strings.Count(one, "@") > 1 {
				t.Fatalf("%+v became %q", a, one)
			}
		}
	})
}
