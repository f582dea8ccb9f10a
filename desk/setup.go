package desk

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/staff"
)

// View is a filter with a name: one's own, or one that the whole organisation
// shares.
type View struct {
	ID     string
	Name   string
	Shared bool
	Filter Filter
}

// mostViews bounds what the queue's page counts.
const mostViews = 12

// Views gives the session's own views and its organisation's.
func (d *Desk) Views(ctx context.Context, by staff.Session) (all []View, err error) {
	err = d.db.View(ctx, func(tx *db.Tx) error {
		return tx.Rows("SELECT id, owner, name, filter FROM desk_view WHERE organisation = ?1 AND owner IN ('', ?2) ORDER BY owner, name, id LIMIT 24", db.Args(string(by.Organisation), string(by.Staff)), func(row db.Scanner) error {
			var v View
			var owner, filter string
			if err := row.Scan(&v.ID, &owner, &v.Name, &filter); err != nil {
				return err
			}
			values, err := url.ParseQuery(filter)
			if err != nil {
				return err
			}
			v.Shared = owner == ""
			v.Filter, err = ParseFilter(values)
			all = append(all, v)
			return err
		})
	})
	return all, err
}

// SaveView keeps a filter under a name. Approvers and admins share them.
func (d *Desk) SaveView(ctx context.Context, by staff.Session, name string, f Filter, shared bool) error {
	name, ok := text(name, 60)
	if !ok {
		return invalid("desk.invalid.view", "name the view in at most 60 letters")
	}
	f.After = ""
	if err := f.check(); err != nil {
		return err
	}
	return d.db.Update(ctx, func(tx *db.Tx) error {
		s, err := d.worker(tx, by)
		owner := string(s.Staff)
		if err == nil && shared {
			owner = ""
			s, err = d.manager(tx, by)
		}
		if err != nil {
			return err
		}
		var held int
		if err := tx.Row("SELECT count(*) FROM desk_view WHERE owner = ?1 AND organisation = ?2", db.Args(owner, string(s.Organisation)), &held); err != nil {
			return err
		}
		if held >= mostViews {
			return invalid("desk.invalid.views", "there are twelve views already: drop one first")
		}
		return tx.ExecOne("INSERT INTO desk_view (id, owner, organisation, name, filter, made) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
			postern.NewID(), owner, string(s.Organisation), name, f.Values().Encode(), millis(d.now()))
	})
}

// DropView forgets a view: one's own, or with the right to share them a shared one.
func (d *Desk) DropView(ctx context.Context, by staff.Session, id string) error {
	return d.db.Update(ctx, func(tx *db.Tx) error {
		s, err := d.worker(tx, by)
		if err != nil {
			return err
		}
		n, err := tx.Exec("DELETE FROM desk_view WHERE id = ?1 AND owner = ?2", id, string(s.Staff))
		if err != nil || n > 0 {
			return err
		}
		if s, err = d.manager(tx, by); err != nil {
			return err
		}
		_, err = tx.Exec("DELETE FROM desk_view WHERE id = ?1 AND owner = '' AND organisation = ?2", id, string(s.Organisation))
		return err
	})
}

// Macro is an answer that is written once, in both languages. {name} and
// {number} stand for the customer's name and the case's number.
type Macro struct{ ID, Name, French, English string }

// For gives the macro's text for a case, in the customer's language.
func (m Macro) For(k Case) string {
	words := m.English
	if k.Locale == "fr" {
		words = m.French
	}
	return strings.NewReplacer("{name}", k.Name, "{number}", strconv.FormatInt(k.Number, 10)).Replace(words)
}

// Macros gives the macros of the session's organisation, by name.
func (d *Desk) Macros(ctx context.Context, by staff.Session) (all []Macro, err error) {
	err = d.db.View(ctx, func(tx *db.Tx) error {
		return tx.Rows("SELECT id, name, fr, en FROM desk_macro WHERE organisation = ?1 ORDER BY name, id LIMIT 200", db.Args(string(by.Organisation)), func(row db.Scanner) error {
			var m Macro
			err := row.Scan(&m.ID, &m.Name, &m.French, &m.English)
			all = append(all, m)
			return err
		})
	})
	return all, err
}

// SaveMacro keeps a macro: a new one without an ID.
func (d *Desk) SaveMacro(ctx context.Context, by staff.Session, m Macro) error {
	var ok [3]bool
	m.Name, ok[0] = text(m.Name, 80)
	m.French, ok[1] = text(m.French, 5000)
	m.English, ok[2] = text(m.English, 5000)
	if !ok[0] || !ok[1] || !ok[2] {
		return invalid("desk.invalid.macro", "a macro has a name and a text in French and in English")
	}
	return d.db.Update(ctx, func(tx *db.Tx) error {
		s, err := d.manager(tx, by)
		if err != nil {
			return err
		}
		if m.ID == "" {
			return tx.ExecOne("INSERT INTO desk_macro (id, organisation, name, fr, en) VALUES (?1, ?2, ?3, ?4, ?5)", postern.NewID(), string(s.Organisation), m.Name, m.French, m.English)
		}
		n, err := tx.Exec("UPDATE desk_macro SET name = ?3, fr = ?4, en = ?5 WHERE id = ?1 AND organisation = ?2", m.ID, string(s.Organisation), m.Name, m.French, m.English)
		if err == nil && n == 0 {
			err = &postern.Error{Kind: postern.NotFound, Key: "desk.unknown.macro", Text: "there is no such macro"}
		}
		return err
	})
}

// DropMacro forgets a macro.
func (d *Desk) DropMacro(ctx context.Context, by staff.Session, id string) error {
	return d.db.Update(ctx, func(tx *db.Tx) error {
		s, err := d.manager(tx, by)
		if err != nil {
			return err
		}
		_, err = tx.Exec("DELETE FROM desk_macro WHERE id = ?1 AND organisation = ?2", id, string(s.Organisation))
		return err
	})
}
