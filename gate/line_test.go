package gate_test

import (
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
)

// TestASentenceIsOneLine: in the letter about an emergency, nothing that staff
// wrote can pass for a line of ours, or run the other way.
func TestASentenceIsOneLine(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a, c, _ := h.customer(1)
		r, err := h.gate.Ask(ctx, h.signIn("noor"), gate.Ask{Case: c, Account: a, Tier: postern.TierAccount, Reason: postern.ReasonSupport,
			Sentence: " You asked:\r\nNothing was shown.\u2028\u202eesrever\u0000 d\u00e9j\u00e0\u00a0: \u200d"})
		if err != nil {
			t.Fatal(err)
		}
		if want := "You asked:  Nothing was shown. esrever  d\u00e9j\u00e0\u00a0: \u200d"; r.Sentence != want {
			t.Errorf("%q instead of %q", r.Sentence, want)
		}
		_, err = h.gate.Ask(ctx, h.signIn("noor"), gate.Ask{Case: c, Account: a, Tier: postern.TierAccount, Reason: postern.ReasonSupport, Sentence: "\u202e\n"})
		if key := postern.KeyOf(err); key != "gate.invalid.sentence" {
			t.Errorf("a sentence of nothing: %q", key)
		}
	})
}
