package gate

import (
	"testing"

	"github.com/postern-mail/postern"
)

func TestSettle(t *testing.T) {
	m := []postern.MessageID{postern.MessageID(postern.NewID())}
	for name, one := range map[string]struct {
		want Want
		tier postern.Tier // none: refused as Invalid
	}{
		"a tier alone":                    {Want{Tier: postern.TierContent, Messages: m}, postern.TierContent},
		"fields alone":                    {Want{Fields: postern.FieldSubject, Messages: m}, postern.TierEnvelope},
		"shallow fields of a deep tier":   {Want{Tier: postern.TierAttachment, Fields: postern.FieldFrom, Messages: m}, postern.TierEnvelope},
		"mailbox names without a message": {Want{Fields: postern.FieldMailboxes}, postern.TierEnvelope},
		"a trace that found nothing":      {Want{Tier: postern.TierTrace}, postern.TierTrace},
		"nothing":                         {Want{}, 0},
		"deep fields of a shallow tier":   {Want{Tier: postern.TierEnvelope, Fields: postern.FieldBody, Messages: m}, 0},
		"a subject of no message":         {Want{Tier: postern.TierEnvelope}, 0},
		"a message at the tier account":   {Want{Tier: postern.TierAccount, Messages: m}, 0},
		"a message twice":                 {Want{Tier: postern.TierContent, Messages: append(m, m...)}, 0},
		"a field nobody knows":            {Want{Fields: 1 << 31, Messages: m}, 0},
		"a hundred and one":               {Want{Tier: postern.TierContent, Messages: make([]postern.MessageID, 101)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := one.want
			err := w.settle()
			switch {
			case one.tier == 0:
				if postern.KindOf(err) != postern.Invalid {
					t.Errorf("settled as %+v with %v", w, err)
				}
			case err != nil || w.Tier != one.tier || w.Fields&^w.Tier.Fields() != 0:
				t.Errorf("settled as %+v with %v", w, err)
			}
		})
	}
}
