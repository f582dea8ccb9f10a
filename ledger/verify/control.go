package verify

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/postern-mail/postern/ledger/verify/wire"
)

// ControlKind says what a control record records.
type ControlKind uint16

// The control kinds.
const (
	ControlGrant      ControlKind = 1
	ControlRefusal    ControlKind = 2
	ControlContain    ControlKind = 3
	ControlLift       ControlKind = 4
	ControlNotice     ControlKind = 5
	ControlKeyChange  ControlKind = 6
	ControlRequest    ControlKind = 7
	ControlConsent    ControlKind = 8
	ControlWithdrawal ControlKind = 9
	ControlEnd        ControlKind = 10
)

func (k ControlKind) valid() bool { return k >= ControlGrant && k <= ControlEnd }

// String returns the kind's name as proof files and reports print it.
func (k ControlKind) String() string {
	if !k.valid() {
		return fmt.Sprintf("kind %d", uint16(k))
	}
	return [...]string{"grant", "refusal", "contain", "lift", "notice", "key change",
		"request", "consent", "withdrawal", "end of grant"}[k-1]
}

// Limits of a [Control].
const (
	MaxSubject = 64
	MaxDetail  = 4096
)

// Control is the record of an act that shows nothing but decides what may be shown: a grant, a refusal, a
// containment. The log holds only its kind and [Commitment]. Its bytes, integers big-endian:
//
//	version u8 = 1 | id[16] | kind u16 | time_ms u64 | account[16] or zeros | actor[16] |
//	grant[16] or zeros | subject u8-length opaque | detail u16-length opaque
type Control struct {
	ID   ID
	Kind ControlKind
	// TimeMS is milliseconds since 1970-01-01T00:00:00Z.
	TimeMS uint64
	// Account is the customer's pseudonym, zero where no single account is meant.
	Account ID
	// Actor is the pseudonym of whoever decided: staff, customer, or the product itself.
	Actor ID
	// Grant is zero where no grant is meant.
	Grant ID
	// Subject names what was acted on, such as a credential, at most [MaxSubject] bytes.
	Subject []byte
	// Detail is the act's own encoding, at most [MaxDetail] bytes; this package gives it no meaning.
	Detail []byte
}

// Marshal returns the record's bytes, or why it has none.
func (c Control) Marshal() ([]byte, error) {
	switch {
	case !c.Kind.valid():
		return nil, fmt.Errorf("%w: control kind %d is unknown", errMalformed, uint16(c.Kind))
	case len(c.Subject) > MaxSubject:
		return nil, fmt.Errorf("%w: a subject of %d bytes, at most %d allowed", errMalformed, len(c.Subject), MaxSubject)
	case len(c.Detail) > MaxDetail:
		return nil, fmt.Errorf("%w: a detail of %d bytes, at most %d allowed", errMalformed, len(c.Detail), MaxDetail)
	}
	b := make([]byte, 0, 80+len(c.Subject)+len(c.Detail))
	b = append(b, recordVersion)
	b = append(b, c.ID[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(c.Kind))
	b = binary.BigEndian.AppendUint64(b, c.TimeMS)
	b = append(b, c.Account[:]...)
	b = append(b, c.Actor[:]...)
	b = append(b, c.Grant[:]...)
	b = append(b, byte(len(c.Subject)))
	b = append(b, c.Subject...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(c.Detail)))
	return append(b, c.Detail...), nil
}

// ParseControl reads a record, and refuses bytes that [Control.Marshal] would not give back.
func ParseControl(b []byte) (Control, error) {
	r := wire.New(b)
	if v := r.U8(); r.Err() == nil && v != recordVersion {
		r.Fail("record version %d, this version knows %d", v, recordVersion)
	}
	c := Control{ID: ID(r.Take(16)), Kind: ControlKind(r.U16()), TimeMS: r.U64(),
		Account: ID(r.Take(16)), Actor: ID(r.Take(16)), Grant: ID(r.Take(16))}
	c.Subject = r.Opaque(int(r.U8()), MaxSubject)
	c.Detail = r.Opaque(int(r.U16()), MaxDetail)
	if err := r.End(); err != nil {
		return Control{}, fmt.Errorf("couldn't read control record: %w", err)
	}
	again, err := c.Marshal()
	if err == nil && !bytes.Equal(again, b) {
		err = fmt.Errorf("%w: not the canonical encoding", errMalformed)
	}
	if err != nil {
		return Control{}, fmt.Errorf("couldn't read control record: %w", err)
	}
	return c, nil
}
