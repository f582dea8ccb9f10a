// Package fields says which fields a view of a tier shows, and what a mask over
// the envelope leaves of them.
//
// It keeps nothing.
//
// Trust: what it gives is what a disclosure names; the mail plane gives no other
// field. It sees no message.
package fields

import "github.com/postern-mail/postern"

// Usual gives the fields that a view of a tier shows: the tier's own, and for
// messages those of the shallower tiers that make them legible.
func Usual(t postern.Tier) postern.Field {
	all := t.Fields() &^ (Masked | postern.FieldRuleTargets)
	switch t {
	case postern.TierTrace:
		return all &^ postern.TierAccount.Fields()
	case postern.TierEnvelope:
		return all &^ postern.TierTrace.Fields()
	case postern.TierContent, postern.TierAttachment:
		return all &^ (postern.TierTrace.Fields() | postern.FieldMailboxes)
	}
	return all
}

// Tier is the shallowest tier that may show all of the fields, none for fields
// that are no tier's: an act is in the ledger under what it showed, neither less
// nor more.
func Tier(f postern.Field) postern.Tier {
	for _, t := range postern.Tiers {
		if f&^t.Fields() == 0 {
			return t
		}
	}
	return postern.TierNone
}

const (
	// Whole are the fields that a mask is over.
	Whole = postern.FieldFrom | postern.FieldTo | postern.FieldSubject
	// Masked are the views of a field that another field shows whole.
	Masked = postern.FieldFromMasked | postern.FieldToMasked | postern.FieldSubjectMasked
	// OfMessages belong to a message rather than the account.
	OfMessages = Whole | postern.FieldDate | postern.FieldSize | postern.FieldBody | postern.FieldAttachments | postern.FieldSource | Masked
)

// Mask gives the fields of an envelope where the policy masks it: the usual view
// is masked, and what is under the mask is opened one field of one message at a
// time, each a disclosure of its own. It is false for more at once.
func Mask(f postern.Field, usual bool, messages int) (postern.Field, bool) {
	switch under := f & Whole; {
	case usual:
		return f&^Whole | Masked, true
	case under == 0:
		return f, true
	case messages == 1 && under == f && under&(under-1) == 0:
		return f, true
	}
	return 0, false
}
