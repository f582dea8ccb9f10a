// Package hold is what becomes of the promise that a customer is told of
// emergency access in the same minute: an outbox that survives a crash, and the
// dated legal holds that keep it back.
//
// What it keeps: gate_telling, one row for each emergency grant, written in the
// transaction that makes the grant; gate_hold. Both tables are made by the gate's
// migrations, and each act on a hold, and each telling, is in the ledger.
//
// Trust: it handles names, sentences and what a court or an authority wrote, and
// logs none of it. It must never tell anybody but the customer of the account,
// nor forget to: what a hold keeps back is told when the hold ends, by itself.
package hold

import (
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/staff"
)

// Longest is how long a hold may last; a longer one is made again.
const Longest = 366 * 24 * time.Hour

// Hold keeps an account's customer from being told of emergency access until a
// time. One person makes it, another puts it into force.
type Hold struct {
	ID            string
	Account       postern.AccountID
	Until         time.Time
	Authority     string // who orders it
	Reference     string // of the order
	Made          time.Time
	MadeBy        postern.StaffID
	MadeName      string
	Confirmed     time.Time // zero while it counts for nothing
	ConfirmedBy   postern.StaffID
	ConfirmedName string
	Ended         time.Time // zero unless somebody ended it before its time
}

// Running says whether the hold counts at a time.
func (h Hold) Running(at time.Time) bool {
	return !h.Confirmed.IsZero() && h.Ended.IsZero() && at.Before(h.Until)
}

// Parts is what a Book is made of.
type Parts struct {
	DB     *db.Handle // the staff plane
	Ledger *ledger.Ledger
	Teller Teller // nil: nobody can be told
	// About says what the customer is told of a grant.
	About func(tx *db.Tx, id postern.GrantID) (Told, error)
	Now   func() time.Time
	Log   *slog.Logger
}

// Book holds both. It is safe for concurrent use.
type Book struct{ Parts }

// New gives the book. The gate has made its tables.
func New(p Parts) *Book { return &Book{p} }

func millis(t time.Time) int64 { return t.UnixMilli() }

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func invalid(key, text string) error {
	return &postern.Error{Kind: postern.Invalid, Key: key, Text: text}
}

// Make proposes a hold in tx.
func (b *Book) Make(tx *db.Tx, by staff.Session, h Hold) (Hold, error) {
	now := b.Now()
	h.Authority, h.Reference = strings.TrimSpace(h.Authority), strings.TrimSpace(h.Reference)
	switch {
	case len(h.Account) != 32:
		return h, invalid("gate.invalid.account", "an account's id has 32 hexadecimal digits")
	case !h.Until.After(now) || h.Until.After(now.Add(Longest)):
		return h, invalid("gate.invalid.hold-until", "a hold lasts a year at most, and ends in the future")
	case !short(h.Authority):
		return h, invalid("gate.invalid.hold-authority", "name the authority in at most 200 letters")
	case !short(h.Reference):
		return h, invalid("gate.invalid.hold-reference", "give the order's reference in at most 200 letters")
	}
	h.ID, h.Made, h.MadeBy, h.MadeName = postern.NewID(), now, by.Staff, by.Name
	h.Until = moment(millis(h.Until))
	h.Confirmed, h.Ended, h.ConfirmedBy, h.ConfirmedName = time.Time{}, time.Time{}, "", ""
	if err := tx.ExecOne(`INSERT INTO gate_hold (id, account, until_at, authority, reference, made_at, made_by, made_name, confirmed_at, confirmed_by, confirmed_name, ended_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, '', '', 0)`,
		h.ID, string(h.Account), millis(h.Until), h.Authority, h.Reference, millis(h.Made), string(h.MadeBy), h.MadeName); err != nil {
		return h, err
	}
	return h, b.write(tx, verify.ControlRequest, by, h, now)
}

func short(s string) bool {
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= 200 && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' })
}

// Confirm puts a hold into force in tx.
func (b *Book) Confirm(tx *db.Tx, by staff.Session, h Hold) error {
	now := b.Now()
	n, err := tx.Exec("UPDATE gate_hold SET confirmed_at = ?2, confirmed_by = ?3, confirmed_name = ?4 WHERE id = ?1 AND confirmed_at = 0 AND ended_at = 0 AND until_at > ?2",
		h.ID, millis(now), string(by.Staff), by.Name)
	if err == nil && n == 0 {
		err = errOver
	}
	if err != nil {
		return err
	}
	return b.write(tx, verify.ControlConsent, by, h, now)
}

var errOver = &postern.Error{Kind: postern.Conflict, Key: "gate.conflict.hold", Text: "the hold is confirmed or over already"}

// End ends a hold in tx: one that nobody confirmed is dropped.
func (b *Book) End(tx *db.Tx, by staff.Session, h Hold) error {
	now := b.Now()
	n, err := tx.Exec("UPDATE gate_hold SET ended_at = ?2 WHERE id = ?1 AND ended_at = 0 AND until_at > ?2", h.ID, millis(now))
	if err == nil && n == 0 {
		err = errOver
	}
	if err != nil {
		return err
	}
	return b.write(tx, verify.ControlLift, by, h, now)
}

func (b *Book) write(tx *db.Tx, kind verify.ControlKind, by staff.Session, h Hold, at time.Time) error {
	_, err := b.Ledger.Control(tx, ledger.Control{Kind: kind, At: at, Account: h.Account, Actor: by.Staff, Session: by.ID, Credential: by.Credential,
		Organisation: by.Organisation, Subject: "hold " + h.ID,
		Detail: "until " + h.Until.UTC().Format(time.RFC3339) + "\nby " + by.Name + "\nauthority " + h.Authority + "\nreference " + h.Reference + "\n"})
	return err
}

// One gives a hold: NotFound when there is none.
func (b *Book) One(tx *db.Tx, id string) (Hold, error) {
	found, err := holds(tx, "id = ?1", id)
	if err == nil && len(found) == 0 {
		err = &postern.Error{Kind: postern.NotFound, Key: "gate.unknown.hold", Text: "there is no such hold"}
	}
	if err != nil {
		return Hold{}, err
	}
	return found[0], nil
}

// All gives the holds, newest first.
func (b *Book) All(tx *db.Tx) ([]Hold, error) { return holds(tx, "1 = 1") }

func holds(tx *db.Tx, where string, args ...any) (found []Hold, err error) {
	err = tx.Rows(`SELECT id, account, until_at, authority, reference, made_at, made_by, made_name, confirmed_at, confirmed_by, confirmed_name, ended_at
		FROM gate_hold WHERE `+where+" ORDER BY made_at DESC, id LIMIT 1000", args, func(row db.Scanner) error {
		var h Hold
		var until, made, confirmed, ended int64
		err := row.Scan(&h.ID, &h.Account, &until, &h.Authority, &h.Reference, &made, &h.MadeBy, &h.MadeName, &confirmed, &h.ConfirmedBy, &h.ConfirmedName, &ended)
		h.Until, h.Made, h.Confirmed, h.Ended = moment(until), moment(made), moment(confirmed), moment(ended)
		found = append(found, h)
		return err
	})
	return found, err
}
