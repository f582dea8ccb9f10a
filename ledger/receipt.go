package ledger

import (
	"errors"
	"time"

	"github.com/postern-mail/postern/ledger/receipt"
)

// Receipt is what the mail plane wants; see package receipt.
type Receipt = receipt.Receipt

// MaxMessages is how many messages one disclosure may name.
const MaxMessages = receipt.MaxMessages

// ParseReceipt reads what Marshal wrote and refuses anything else; the
// signature is not checked here.
func ParseReceipt(b []byte) (Receipt, error) { return receipt.Parse(b) }

// Receipt signs p, whose transaction must have committed.
func (l *Ledger) Receipt(p Pending, deadline time.Time) (Receipt, error) {
	if p.committed == nil || !p.committed.Load() {
		return Receipt{}, errors.New("a disclosure that is not committed has no receipt")
	}
	r := Receipt{
		Disclosure: p.d.ID, Account: p.d.Account, Tier: p.d.Tier, Fields: p.d.Fields, Messages: p.d.Messages, Consented: p.d.Consented,
		Issued: p.d.At.Truncate(time.Millisecond), Deadline: deadline.Truncate(time.Millisecond), Commitment: p.commitment,
	}
	return r, r.Sign(l.Keys.Receipt)
}
