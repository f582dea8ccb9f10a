package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/verify"
)

// Entry is one record as the provider reads it: exactly one of Disclosure and
// Control is set.
type Entry struct {
	Seq        int64 // place among the entries, in the order of writing
	Index      int64 // of its leaf; -1 while it waits for the sequencer
	Disclosure *Disclosure
	Control    *Control
	Erased     bool // the account's secret is destroyed: who, when and how deep remain, which messages do not
}

// Filter chooses entries; zero fields choose all.
type Filter struct {
	Account         postern.AccountID
	ID              postern.DisclosureID // of this one record
	Staff           []postern.StaffID
	Sessions        []postern.SessionID
	Credentials     []postern.CredentialID
	Organisations   []postern.OrganisationID
	Grant           postern.GrantID
	Case            postern.CaseID
	Since, Until    time.Time // Until is exclusive
	MinTier         postern.Tier
	DisclosuresOnly bool
	ControlsOnly    bool
	Before          int64 // entries with a smaller Seq; 0 means from the newest
	Limit           int   // 0 means 100
}

const columns = `seq, id, type, kind, account, tier, at, grant_id, case_id, session_id, credential_id, staff_id, organisation_id, record_ct, idx`

// Find gives the chosen entries, newest first.
func (l *Ledger) Find(ctx context.Context, f Filter) (found []Entry, err error) {
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		q, args, err := l.where(tx, f)
		if err != nil || q == "" {
			return err
		}
		// The indexes hold sequenced entries only; the others are few.
		one := `SELECT ` + columns + ` FROM ledger_entry WHERE ` + q + ` AND idx IS `
		found, err = l.entries(tx, one+`NOT NULL UNION ALL `+one+`NULL ORDER BY seq DESC LIMIT ?`+strconv.Itoa(len(args)), args)
		return err
	})
	return found, err
}

// Entries gives sequenced entries whose index is greater than after, in the
// order of their indices, at most limit: a feed whose reader keeps the last
// index it has seen. No entry ever appears before that place.
func (l *Ledger) Entries(ctx context.Context, after int64, limit int) (found []Entry, err error) {
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		found, err = l.entries(tx, `SELECT `+columns+` FROM ledger_entry WHERE idx > ?1 ORDER BY idx LIMIT ?2`, db.Args(after, int64(limit)))
		return err
	})
	return found, err
}

// where writes the condition, "" when nothing can match, and its arguments, of
// which the last is the limit.
func (l *Ledger) where(tx *db.Tx, f Filter) (string, []any, error) {
	var parts []string
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return "?" + strconv.Itoa(len(args))
	}
	if f.Account != "" {
		var pseudonym []byte
		err := tx.Row(`SELECT pseudonym FROM ledger_account_secret WHERE account_id = ?1`, db.Args(string(f.Account)), &pseudonym)
		if errors.Is(err, db.ErrNoRows) {
			return "", nil, nil
		}
		if err != nil {
			return "", nil, err
		}
		parts = append(parts, "account = "+arg(pseudonym))
	}
	for _, any := range []struct {
		column string
		ids    []string
	}{
		{"staff_id", texts(f.Staff)}, {"session_id", texts(f.Sessions)}, {"credential_id", texts(f.Credentials)}, {"organisation_id", texts(f.Organisations)},
	} {
		if len(any.ids) == 0 {
			continue
		}
		var list []string
		for _, id := range any.ids {
			list = append(list, arg(id))
		}
		parts = append(parts, any.column+" IN ("+strings.Join(list, ", ")+")")
	}
	if f.ID != "" {
		id, err := hex.DecodeString(string(f.ID))
		if err != nil || len(id) != len(verify.ID{}) {
			return "", nil, nil // nothing has such an id
		}
		parts = append(parts, "id = "+arg(id))
	}
	if f.Grant != "" {
		parts = append(parts, "grant_id = "+arg(string(f.Grant)))
	}
	if f.Case != "" {
		parts = append(parts, "case_id = "+arg(string(f.Case)))
	}
	if !f.Since.IsZero() {
		parts = append(parts, "at >= "+arg(f.Since.UnixMilli()))
	}
	if !f.Until.IsZero() {
		parts = append(parts, "at < "+arg(f.Until.UnixMilli()))
	}
	if f.MinTier > 0 {
		parts = append(parts, "tier >= "+arg(int64(f.MinTier)))
	}
	if f.DisclosuresOnly {
		parts = append(parts, "type = 1")
	}
	if f.ControlsOnly {
		parts = append(parts, "type = 4")
	}
	if f.Before > 0 {
		parts = append(parts, "seq < "+arg(f.Before))
	}
	if len(parts) == 0 {
		parts = append(parts, "1 = 1")
	}
	if f.Limit <= 0 {
		f.Limit = 100
	}
	return strings.Join(parts, " AND "), append(args, int64(f.Limit)), nil
}

func texts[T ~string](ids []T) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = string(id)
	}
	return list
}

type row struct {
	seq, typ, kind, tier, at                                int64
	id, account, sealed                                     []byte
	grant, caseID, session, credential, staff, organisation string
	idx                                                     *int64
}

func (l *Ledger) entries(tx *db.Tx, query string, args []any) ([]Entry, error) {
	var rows []row
	err := tx.Rows(query, args, func(s db.Scanner) error {
		var r row
		rows = append(rows, r)
		p := &rows[len(rows)-1]
		return s.Scan(&p.seq, &p.id, &p.typ, &p.kind, &p.account, &p.tier, &p.at, &p.grant, &p.caseID, &p.session, &p.credential, &p.staff, &p.organisation, &p.sealed, &p.idx)
	})
	if err != nil {
		return nil, err
	}
	found := make([]Entry, len(rows))
	for i := range rows {
		if found[i], err = l.entry(tx, &rows[i]); err != nil {
			return nil, fmt.Errorf("couldn't read entry %d: %w", rows[i].seq, err)
		}
	}
	return found, nil
}

func (l *Ledger) entry(tx *db.Tx, r *row) (Entry, error) {
	e := Entry{Seq: r.seq, Index: -1}
	if r.idx != nil {
		e.Index = *r.idx
	}
	if len(r.id) != 16 || (r.account != nil && len(r.account) != 16) {
		return e, errors.New("an identifier is not 16 bytes long")
	}
	k, account := &l.secrets.provider, postern.AccountID("")
	if r.account != nil {
		var err error
		if account, k, err = l.bySecret(tx, verify.ID(r.account)); err != nil {
			return e, err
		}
	}
	e.Erased = k == nil || r.sealed == nil
	var record []byte
	if !e.Erased {
		var err error
		if record, err = k.open(verify.ID(r.id), r.sealed); err != nil {
			return e, err
		}
	}
	at := time.UnixMilli(r.at).UTC()
	if r.typ == 1 {
		d := &Disclosure{ID: postern.DisclosureID(hex.EncodeToString(r.id)), Account: account, Tier: postern.Tier(r.tier), At: at,
			Grant: postern.GrantID(r.grant), Case: postern.CaseID(r.caseID), Session: postern.SessionID(r.session), Credential: postern.CredentialID(r.credential),
			Staff: postern.StaffID(r.staff), Organisation: postern.OrganisationID(r.organisation)}
		e.Disclosure = d
		if e.Erased {
			return e, nil
		}
		v, err := verify.ParseDisclosure(record)
		if err != nil {
			return e, err
		}
		d.Reason, d.Fields = postern.Reason(v.Reason), postern.Field(v.Fields)
		for _, m := range v.Messages {
			d.Messages = append(d.Messages, postern.MessageID(hex.EncodeToString(m[:])))
		}
		return e, nil
	}
	c := &Control{ID: hex.EncodeToString(r.id), Kind: verify.ControlKind(r.kind), At: at, Account: account, Actor: postern.StaffID(r.staff), Grant: postern.GrantID(r.grant),
		Case: postern.CaseID(r.caseID), Session: postern.SessionID(r.session), Credential: postern.CredentialID(r.credential), Organisation: postern.OrganisationID(r.organisation)}
	e.Control = c
	if e.Erased {
		return e, nil
	}
	v, err := verify.ParseControl(record)
	if err != nil {
		return e, err
	}
	c.Subject, c.Detail = string(v.Subject), string(v.Detail)
	return e, nil
}
