package gate

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/fields"
	"github.com/postern-mail/postern/gate/lease"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/staff"
)

// Want is what a page is about to show.
type Want struct {
	Grant    postern.GrantID
	Tier     postern.Tier
	Messages []postern.MessageID // from the tier envelope on: which; order counts
	Fields   postern.Field       // 0 means [fields.Usual] of the tier
}

// settle completes w, and sets the tier to the deepest that its fields show: an
// act is in the ledger under what it showed, neither less nor more.
func (w *Want) settle() error {
	wrong := func(key, text string) error { return &postern.Error{Kind: postern.Invalid, Key: key, Text: text} }
	if w.Fields == 0 {
		w.Fields = fields.Usual(w.Tier)
	}
	shown := fields.Tier(w.Fields)
	switch {
	case w.Fields == 0 || shown == postern.TierNone:
		return wrong("gate.invalid.fields", "say which fields to show, or at which tier")
	case w.Tier != postern.TierNone && shown > w.Tier:
		return wrong("gate.invalid.fields-tier", fmt.Sprintf("these fields are of the tier %s", shown))
	case len(w.Messages) > MaxMessages || !distinct(w.Messages):
		return wrong("gate.invalid.messages", "name at most 100 messages, each once")
	case len(w.Messages) == 0 && w.Fields&fields.OfMessages != 0:
		return wrong("gate.invalid.no-message", "say which messages to show")
	case len(w.Messages) > 0 && shown == postern.TierAccount:
		return wrong("gate.invalid.account-message", "the tier account shows no message")
	}
	w.Tier = shown
	return nil
}

// covers says whether a grant allows a session to see something now: invariant
// 2, all of it, in one place.
func covers(gr Grant, session postern.SessionID, w Want, now time.Time) error {
	switch {
	case gr.Session != session:
		return refuse(RefusedOtherSession)
	case gr.EndedWhy == EndContained:
		return refuse(RefusedContained)
	case !gr.Live(now):
		return refuse(RefusedGrantEnded)
	case w.Tier > gr.Tier:
		return refuse(RefusedDeeperTier)
	case !within(w.Messages, gr.Messages):
		return refuse(RefusedOutsideScope)
	}
	return nil
}

// recorded is a disclosure that is in the ledger and not yet shown.
type recorded struct {
	pending ledger.Pending
	grant   Grant
	session staff.Session
	lease   *lease.Lease
}

// record is the gate's heart: in one transaction it checks that the session is
// alive, that its grant covers what is wanted and that the budget holds, and
// writes the disclosure. Its commit is what allows the showing; where it fails
// nothing may be shown, and a refusal is written down by itself.
func (g *Gate) record(ctx context.Context, by staff.Session, w Want) (r recorded, err error) {
	usual := w.Fields == 0
	if err := w.settle(); err != nil {
		return r, err
	}
	wanted := w.Fields
	tried := attempt{what: "reveal", by: by, grant: w.Grant, tier: w.Tier, items: len(w.Messages)}
	err = g.db.Update(ctx, func(tx *db.Tx) (err error) {
		// f may run again: what the first run leased was never shown.
		g.leases.Release(r.lease)
		r = recorded{}
		// Invariant 5. A statement of its own: in PostgreSQL the next one takes
		// its snapshot after the lock is held, and so sees every ending that
		// committed before.
		if err := tx.LockShared(lock); err != nil {
			return err
		}
		if r.session, err = g.alive(tx, by.ID); err != nil {
			return err
		}
		if r.grant, err = oneGrant(tx, w.Grant); err != nil {
			return err
		}
		tried.account, tried.caseID = r.grant.Account, r.grant.Case
		now := g.now()
		if err := covers(r.grant, r.session.ID, w, now); err != nil {
			return err
		}
		rule, err := g.mayShow(tx, r.session, r.grant, w.Tier, now)
		if err != nil {
			return err
		}
		w.Fields = wanted
		if rule.Mask && w.Tier == postern.TierEnvelope && r.grant.Tier <= postern.TierEnvelope {
			var whole bool
			if w.Fields, whole = fields.Mask(w.Fields, usual, len(w.Messages)); !whole {
				return refuse(RefusedMasked)
			}
		}
		if r.grant.Once && w.Tier == r.grant.Tier {
			if err := g.showOnce(tx, r.grant, w.Messages, now); err != nil {
				return err
			}
		}
		if err := spend(tx, &rule, r.session.Staff, r.grant.Account, w, now); err != nil {
			return err
		}
		r.pending, err = g.ledger.Disclose(tx, ledger.Disclosure{
			ID: g.disclosureID(now), Account: r.grant.Account, Tier: w.Tier, At: now, Grant: r.grant.ID, Case: r.grant.Case, Session: r.session.ID,
			Credential: r.session.Credential, Staff: r.session.Staff, Organisation: r.session.Organisation,
			Reason: r.grant.Reason, Messages: w.Messages, Fields: w.Fields,
			// The grant's messages are those that the customer agreed to one by
			// one, and covers has just shown that these are among them.
			Consented: r.grant.Consented,
		})
		if err != nil {
			return err
		}
		// Invariant 6. Before the commit: a containment that commits after this
		// must find the lease, however late this goroutine runs on.
		r.lease = g.leases.Take(r.session, r.grant.ID)
		return nil
	})
	if err != nil {
		g.leases.Release(r.lease)
		return recorded{}, g.refused(ctx, tried, err)
	}
	return r, nil
}

// disclosureID makes an id that sorts by time: 6 bytes of milliseconds, 6 that
// are this process's, 4 that count. The ledger has an index on it, and to write
// at that index's end touches one page for a whole commit instead of one for
// each reveal; and an ending tells from the id whose delivery to wait for.
func (g *Gate) disclosureID(at time.Time) postern.DisclosureID {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(at.UnixMilli())<<16)
	copy(b[6:12], g.mark[:])
	binary.BigEndian.PutUint32(b[12:], g.disclosures.Add(1))
	return postern.DisclosureID(hex.EncodeToString(b[:]))
}

// ours says that a disclosure is this process's.
func (g *Gate) ours(d postern.DisclosureID) bool {
	return len(d) == 32 && string(d[12:24]) == hex.EncodeToString(g.mark[:])
}

func oneGrant(tx *db.Tx, id postern.GrantID) (Grant, error) {
	found, err := grants(tx, "id = ?1", string(id))
	if err == nil && len(found) == 0 {
		err = refuse(RefusedNoGrant)
	}
	if err != nil {
		return Grant{}, err
	}
	return found[0], nil
}

// Authorise is the transaction of a reveal alone: it checks, records and gives
// the receipt with which the mail plane would show it. [Gate.Reveal] is what
// pages use: only it holds the lease that a containment waits for, so whoever
// calls Authorise must not show what the receipt opens.
func (g *Gate) Authorise(ctx context.Context, by staff.Session, w Want) (ledger.Receipt, Grant, error) {
	r, err := g.record(ctx, by, w)
	if err != nil {
		return ledger.Receipt{}, Grant{}, err
	}
	g.leases.Release(r.lease)
	receipt, err := g.receipt(r)
	return receipt, r.grant, err
}

func (g *Gate) receipt(r recorded) (ledger.Receipt, error) {
	return g.ledger.Receipt(r.pending, r.pending.Disclosure().At.Add(lease.Life))
}

// Reveal shows something of an account: it is written to the ledger, then read
// from the mail plane. If the reading fails, the record stands: the gate may
// report too much, never too little. The caller shows the delivery through its
// [Delivery.Writer] and ends it with Done.
func (g *Gate) Reveal(ctx context.Context, by staff.Session, w Want) (*Delivery, error) {
	r, err := g.record(ctx, by, w)
	if err != nil {
		return nil, err
	}
	receipt, err := g.receipt(r)
	if err != nil {
		g.leases.Release(r.lease)
		return nil, err
	}
	d := &Delivery{gate: g, lease: r.lease, Disclosure: receipt.Disclosure, Grant: r.grant, Tier: receipt.Tier, Fields: receipt.Fields, Consented: receipt.Consented}
	// A containment ends the reading too.
	reading, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.lease.OnCut(func(why error) { cancel(why) })
	d.Shown, err = g.mailboxes.Reveal(reading, receipt)
	if why := r.lease.Why(); why != nil {
		err = why
	}
	if err != nil {
		g.leases.Release(r.lease)
		return nil, fmt.Errorf("couldn't read what was to be shown: %w", err)
	}
	// The request's end releases what its handler forgot.
	d.stop = context.AfterFunc(ctx, func() { g.leases.Release(r.lease) })
	return d, nil
}
