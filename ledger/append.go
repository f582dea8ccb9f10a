package ledger

import (
	"encoding/hex"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/verify"
)

// maxBehind is how old the oldest unsequenced row may be before the ledger
// refuses to take more (LEDGER.md, "Fail closed").
const maxBehind = time.Minute

// Disclosure is something about to be shown.
type Disclosure struct {
	ID           postern.DisclosureID // "" for a new one
	Account      postern.AccountID
	Tier         postern.Tier
	At           time.Time
	Grant        postern.GrantID
	Case         postern.CaseID
	Session      postern.SessionID
	Credential   postern.CredentialID
	Staff        postern.StaffID
	Organisation postern.OrganisationID
	Reason       postern.Reason
	Messages     []postern.MessageID // at most MaxMessages, in the order they will be shown
	Fields       postern.Field
	// Consented says that the customer agreed to these very messages: guarded
	// ones among them may be shown. It stands in the receipt, not in the record.
	Consented bool
}

// Control is an act that shows nothing and decides what may be shown.
type Control struct {
	ID           string // "" for a new one
	Kind         verify.ControlKind
	At           time.Time
	Account      postern.AccountID // or ""
	Actor        postern.StaffID   // or "", for the customer or the product itself
	Grant        postern.GrantID   // or ""
	Case         postern.CaseID
	Session      postern.SessionID
	Credential   postern.CredentialID
	Organisation postern.OrganisationID
	Subject      string // what was acted on, at most 64 bytes: "credential 6f1e…"
	Detail       string // the sentence, at most 4096 bytes
}

// Pending is a disclosure that is written but not yet committed. Only the
// ledger makes one, and only a committed one becomes a [Receipt].
type Pending struct {
	d          Disclosure
	commitment [32]byte
	committed  *atomic.Bool
}

// Disclosure is what was written, its ID set.
func (p Pending) Disclosure() Disclosure { return p.d }

// Disclose writes d in the caller's transaction. Nothing of it may be shown
// before that transaction has committed and [Ledger.Receipt] has signed it.
// Errors: Unavailable when the sequencer is more than a minute behind.
func (l *Ledger) Disclose(tx *db.Tx, d Disclosure) (Pending, error) {
	if len(d.Messages) > MaxMessages {
		return Pending{}, &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("a disclosure of %d messages: at most %d are shown at once", len(d.Messages), MaxMessages)}
	}
	if err := l.fresh(tx); err != nil {
		return Pending{}, err
	}
	if err := l.hasMonth(tx, d.At); err != nil {
		return Pending{}, err
	}
	if d.ID == "" {
		d.ID = postern.DisclosureID(postern.NewID())
	}
	k, err := l.secretOf(tx, d.Account)
	if err != nil {
		return Pending{}, err
	}
	record, id, err := l.encode(d, k)
	if err != nil {
		return Pending{}, err
	}
	commitment := verify.DisclosureCommitment(k.salt(id), record)
	err = tx.ExecOne(`INSERT INTO ledger_entry (id, type, kind, account, tier, at, grant_id, case_id, session_id, credential_id, staff_id, organisation_id, items, record_ct, key_ref, commitment, node)
		VALUES (?1, 1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)`,
		id[:], k.pseudonym[:], int64(d.Tier), d.At.UnixMilli(), string(d.Grant), string(d.Case), string(d.Session), string(d.Credential), string(d.Staff), string(d.Organisation),
		int64(len(d.Messages)), k.seal(id, record), int64(1), commitment[:], l.Node)
	if err != nil {
		return Pending{}, fmt.Errorf("couldn't write the disclosure: %w", err)
	}
	p := Pending{d: d, commitment: commitment, committed: new(atomic.Bool)}
	tx.AfterCommit(func() { p.committed.Store(true); l.wake() })
	return p, nil
}

// Control writes c in the caller's transaction and gives its place in the
// sequence of entries; its index follows when it is sequenced.
func (l *Ledger) Control(tx *db.Tx, c Control) (seq int64, err error) {
	if c.ID == "" {
		c.ID = postern.NewID()
	}
	k := &l.secrets.provider
	var account []byte
	if c.Account != "" {
		if k, err = l.secretOf(tx, c.Account); err != nil {
			return 0, err
		}
		account = k.pseudonym[:]
	}
	r := verify.Control{Kind: c.Kind, TimeMS: uint64(c.At.UnixMilli()), Subject: []byte(c.Subject), Detail: []byte(clip(c.Detail, verify.MaxDetail))}
	if c.Account != "" {
		r.Account = k.pseudonym
	}
	if r.ID, err = idOf(c.ID); err != nil {
		return 0, err
	}
	if r.Actor, err = l.secrets.staff(c.Actor); err != nil {
		return 0, err
	}
	if r.Grant, err = idOf(string(c.Grant)); err != nil {
		return 0, err
	}
	record, err := r.Marshal()
	if err != nil {
		return 0, fmt.Errorf("couldn't encode the %s: %w", c.Kind, err)
	}
	commitment := verify.ControlCommitment(k.salt(r.ID), record)
	err = tx.Row(`INSERT INTO ledger_entry (id, type, kind, account, tier, at, grant_id, case_id, session_id, credential_id, staff_id, organisation_id, items, record_ct, key_ref, commitment, node)
		VALUES (?1, 4, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?11, ?12, ?13, ?14) RETURNING seq`,
		db.Args(r.ID[:], int64(c.Kind), account, c.At.UnixMilli(), string(c.Grant), string(c.Case), string(c.Session), string(c.Credential), string(c.Actor), string(c.Organisation),
			k.seal(r.ID, record), int64(1), commitment[:], l.Node), &seq)
	if err != nil {
		return 0, fmt.Errorf("couldn't write the %s: %w", c.Kind, err)
	}
	tx.AfterCommit(l.wake)
	return seq, nil
}

// fresh refuses when rows wait too long to be sequenced: a ledger that nobody
// can check any more is not one. The age is read at most once a second.
func (l *Ledger) fresh(tx *db.Tx) error {
	now := l.Now()
	l.mu.Lock()
	recent := !l.freshAt.IsZero() && now.Sub(l.freshAt) < time.Second && !now.Before(l.freshAt)
	stale, unseen := l.stale, l.unseen
	l.mu.Unlock()
	if !recent {
		var at int64
		err := tx.Row(`SELECT at FROM ledger_entry WHERE idx IS NULL ORDER BY seq LIMIT 1`, nil, &at)
		if err != nil && err != db.ErrNoRows {
			return err
		}
		stale = err == nil && now.Sub(time.UnixMilli(at)) > maxBehind
		if unseen = l.witnessed(tx, now); unseen != nil && postern.KeyOf(unseen) == "" {
			return unseen
		}
		l.mu.Lock()
		l.freshAt, l.stale, l.unseen = now, stale, unseen
		l.mu.Unlock()
	}
	if unseen != nil {
		return unseen
	}
	if stale {
		return &postern.Error{Kind: postern.Unavailable, Key: "gate.refused.ledger-behind", Text: "the ledger is more than a minute behind, so nothing is shown: look at the sequencer"}
	}
	return nil
}

// hasMonth refuses what is dated before the log's first month: such a clock is
// wrong, and the month has no VRF key.
func (l *Ledger) hasMonth(tx *db.Tx, at time.Time) error {
	first := l.first.Load()
	if first == 0 {
		err := tx.Row(`SELECT COALESCE(MIN(series), 0) FROM ledger_series`, nil, &first)
		if err != nil || first == 0 { // the first batch will begin with this month or an earlier one
			return err
		}
		l.first.Store(first)
	}
	if int64(verify.SeriesLeaf{}.Month(at).Series) < first {
		return &postern.Error{Kind: postern.Unavailable, Key: "gate.refused.ledger-behind", Text: "this machine's clock says a month before the ledger began, so nothing is shown: set the clock"}
	}
	return nil
}

// encode writes the record of d.
func (l *Ledger) encode(d Disclosure, k *secret) (record []byte, id verify.ID, err error) {
	r := verify.Disclosure{
		Account: k.pseudonym, Tier: uint8(d.Tier), TimeMS: uint64(d.At.UnixMilli()),
		Reason: uint8(d.Reason), Fields: uint32(d.Fields), Node: l.Node,
	}
	for _, x := range []struct {
		to   *verify.ID
		from string
	}{{&r.ID, string(d.ID)}, {&r.Grant, string(d.Grant)}, {&r.Session, string(d.Session)}} {
		if *x.to, err = idOf(x.from); err != nil {
			return nil, id, err
		}
	}
	if r.Staff, err = l.secrets.staff(d.Staff); err != nil {
		return nil, id, err
	}
	ids := make([]verify.ID, len(d.Messages))
	for i, m := range d.Messages {
		if ids[i], err = idOf(string(m)); err != nil {
			return nil, id, err
		}
	}
	r.Messages = verify.SortIDs(ids)
	record, err = r.Marshal()
	if err != nil {
		return nil, id, fmt.Errorf("couldn't encode the disclosure: %w", err)
	}
	return record, r.ID, nil
}

var errID = &postern.Error{Kind: postern.Invalid, Text: "an identifier has 32 lower-case hexadecimal digits"}

// idOf reads 32 lower-case hexadecimal digits, so that an identifier has one
// spelling; "" is sixteen zero bytes.
func idOf(s string) (id verify.ID, err error) {
	if s == "" {
		return id, nil
	}
	if len(s) != 32 {
		return id, errID
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil || hex.EncodeToString(id[:]) != s {
		return verify.ID{}, errID
	}
	return id, nil
}

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	// Not within a character.
	cut := most
	for cut > 0 && s[cut]&0xc0 == 0x80 {
		cut--
	}
	return s[:cut]
}
