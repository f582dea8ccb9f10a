// Package receipt is the signed promise that a disclosure is in the ledger: the
// gate gets it for a committed disclosure, and the mail plane gives no byte
// without one.
//
// What it keeps: nothing.
//
// Trust: whoever has the private key that signs, and reaches the mail plane, reads
// mail without the ledger. This package sees the key in [Receipt.Sign] alone.
package receipt

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/postern-mail/postern"
)

// Receipt is the signed proof that a disclosure is in the ledger. The mail
// plane gives exactly the Fields of exactly the Messages of Account, once,
// until Deadline, and no byte without one. It names no member of staff: the
// mail plane does not know who is asking.
type Receipt struct {
	Disclosure postern.DisclosureID
	Account    postern.AccountID
	Tier       postern.Tier
	Fields     postern.Field
	Messages   []postern.MessageID
	Consented  bool // the customer agreed to these very messages: guarded ones may be shown
	Issued     time.Time
	Deadline   time.Time
	Commitment [32]byte // opens to the record in the ledger
	Signature  [ed25519.SignatureSize]byte
}

// MaxMessages is how many messages one disclosure may name: more are more
// disclosures, so that a record always lists them one by one.
const MaxMessages = 100

const receiptLabel = "postern/v1 receipt\x00"

// Sign signs r.
func (r *Receipt) Sign(key ed25519.PrivateKey) error {
	signed, err := r.signed()
	if err != nil {
		return err
	}
	r.Signature = [64]byte(ed25519.Sign(key, signed))
	return nil
}

// Verify says whether the receipt was signed by the holder of the key and may
// still be used at now. It does not say whether it was used already: the mail
// plane remembers that.
func (r Receipt) Verify(key ed25519.PublicKey, now time.Time) error {
	signed, err := r.signed()
	if err != nil || len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, signed, r.Signature[:]) {
		return &postern.Error{Kind: postern.Denied, Key: "mail.receipt.forged", Text: "the receipt is not the ledger's"}
	}
	if !now.Before(r.Deadline) {
		return &postern.Error{Kind: postern.Denied, Key: "mail.receipt.expired", Text: "the receipt's time is over"}
	}
	if r.Tier == postern.TierNone || r.Fields&^r.Tier.Fields() != 0 {
		return &postern.Error{Kind: postern.Denied, Key: "mail.receipt.shallower", Text: "the receipt's tier does not reach its fields"}
	}
	return nil
}

// Marshal gives the receipt's one encoding, integers big-endian: "postern/v1
// receipt\0" | disclosure[16] | account[16] | tier u8 | consented u8 | fields
// u32 | issued_ms u64 | deadline_ms u64 | count u16 | messages[16]… |
// commitment[32] | signature[64].
func (r Receipt) Marshal() ([]byte, error) {
	b, err := r.signed()
	if err != nil {
		return nil, err
	}
	return append(b, r.Signature[:]...), nil
}

func (r Receipt) signed() ([]byte, error) {
	if len(r.Messages) > MaxMessages {
		return nil, fmt.Errorf("a receipt for %d messages, at most %d", len(r.Messages), MaxMessages)
	}
	b := make([]byte, 0, 200+16*len(r.Messages))
	b = append(b, receiptLabel...)
	put := func(s string) error {
		id, err := idOf(s)
		if err == nil && s == "" {
			err = errors.New("a receipt with an empty identifier")
		}
		b = append(b, id[:]...)
		return err
	}
	if err := errors.Join(put(string(r.Disclosure)), put(string(r.Account))); err != nil {
		return nil, err
	}
	consented := byte(0)
	if r.Consented {
		consented = 1
	}
	b = append(b, byte(r.Tier), consented)
	b = binary.BigEndian.AppendUint32(b, uint32(r.Fields))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Issued.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Deadline.UnixMilli()))
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.Messages)))
	for _, m := range r.Messages {
		if err := put(string(m)); err != nil {
			return nil, err
		}
	}
	return append(b, r.Commitment[:]...), nil
}

// Parse reads what Marshal wrote and refuses anything else; the
// signature is not checked here.
func Parse(b []byte) (Receipt, error) {
	const fixed = len(receiptLabel) + 16 + 16 + 2 + 4 + 8 + 8 + 2
	const tail = 32 + ed25519.SignatureSize
	bad := func(why string) (Receipt, error) {
		return Receipt{}, &postern.Error{Kind: postern.Invalid, Text: "couldn't read a receipt: " + why}
	}
	if len(b) < fixed+tail || string(b[:len(receiptLabel)]) != receiptLabel {
		return bad("it is cut short or of another version")
	}
	p := b[len(receiptLabel):]
	take := func(n int) []byte { x := p[:n]; p = p[n:]; return x }
	var r Receipt
	r.Disclosure = postern.DisclosureID(hex.EncodeToString(take(16)))
	r.Account = postern.AccountID(hex.EncodeToString(take(16)))
	r.Tier = postern.Tier(take(1)[0])
	consented := take(1)[0]
	if consented > 1 {
		return bad("a flag is neither 0 nor 1")
	}
	r.Consented = consented == 1
	r.Fields = postern.Field(binary.BigEndian.Uint32(take(4)))
	issued, deadline := binary.BigEndian.Uint64(take(8)), binary.BigEndian.Uint64(take(8))
	const latest = 1 << 50 // the year 37000: what a time.Time survives both ways
	if issued > latest || deadline > latest {
		return bad("a time is out of range")
	}
	r.Issued, r.Deadline = time.UnixMilli(int64(issued)).UTC(), time.UnixMilli(int64(deadline)).UTC()
	n := int(binary.BigEndian.Uint16(take(2)))
	if n > MaxMessages || len(p) != 16*n+tail {
		return bad("its length does not fit its number of messages")
	}
	for range n {
		r.Messages = append(r.Messages, postern.MessageID(hex.EncodeToString(take(16))))
	}
	r.Commitment = [32]byte(take(32))
	r.Signature = [64]byte(take(64))
	return r, nil
}

// idOf reads 32 lower-case hexadecimal digits, so that an identifier has one
// spelling; "" is sixteen zero bytes.
func idOf(s string) (id [16]byte, err error) {
	if s == "" {
		return id, nil
	}
	if b, err := hex.DecodeString(s); err != nil || len(b) != 16 || hex.EncodeToString(b) != s {
		return id, errors.New("an identifier is 32 lower-case hexadecimal digits")
	}
	_, err = hex.Decode(id[:], []byte(s))
	return id, err
}
