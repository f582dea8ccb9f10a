package staff

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Role is what a member may do.
type Role string

// The roles.
const (
	Agent     Role = "agent"     // works cases, asks the gate
	Approver  Role = "approver"  // agrees to other people's requests
	Responder Role = "responder" // handles incidents, contains
	Auditor   Role = "auditor"   // verifies, and reaches nothing
	Admin     Role = "admin"     // manages members and organisations
)

// Roles lists them.
var Roles = [...]Role{Agent, Approver, Responder, Auditor, Admin}

// Overall says whether a role sees or ends what is of every organisation: an
// outsourcer's own directory must not give it.
func (r Role) Overall() bool { return r == Responder || r == Auditor || r == Admin }

// Member is one person of the staff.
type Member struct {
	ID           postern.StaffID
	Login        string // lower case: "noor.h"
	Name         string
	Locale       string // "fr" or "en"
	Organisation postern.OrganisationID
	Roles        []Role
	Status       string // "active" or "left"
}

// NewMember is what CreateMember needs.
type NewMember struct {
	Login, Name, Locale string
	Organisation        postern.OrganisationID
	Roles               []Role
}

var loginForm = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9._@-]{0,62}[a-z0-9])?$`)

// CreateMember adds a member without a way in; Invite or SetPassword gives one.
func (d *Directory) CreateMember(ctx context.Context, n NewMember) (Member, error) {
	m := Member{
		ID: postern.StaffID(postern.NewID()), Login: strings.ToLower(strings.TrimSpace(n.Login)), Name: strings.TrimSpace(n.Name),
		Locale: n.Locale, Organisation: n.Organisation, Roles: n.Roles, Status: "active",
	}
	switch {
	case !loginForm.MatchString(m.Login):
		return Member{}, invalid("staff.invalid.login", "a login has 1 to 64 letters, digits and . _ @ -, and starts and ends with a letter or digit")
	case m.Name == "" || len(m.Name) > 200:
		return Member{}, invalid("staff.invalid.name", "give a name of at most 200 bytes")
	case m.Locale != "fr" && m.Locale != "en":
		return Member{}, invalid("staff.invalid.locale", "a locale is \"fr\" or \"en\"")
	case len(m.Roles) == 0:
		return Member{}, invalid("staff.invalid.roles", "give at least one role")
	}
	for _, r := range m.Roles {
		if !slices.Contains(Roles[:], r) {
			return Member{}, invalid("staff.invalid.roles", fmt.Sprintf("there is no role %q", r))
		}
	}
	err := d.db.Update(ctx, func(tx *db.Tx) error {
		if err := d.room(tx, m.Organisation, m.Login); err != nil {
			return err
		}
		n, err := tx.Exec(`INSERT INTO staff_member (id, login, name, locale, organisation, roles, status, created)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (login) DO NOTHING`,
			m.ID, m.Login, m.Name, m.Locale, m.Organisation, joinRoles(m.Roles), m.Status, millis(d.now()))
		if err == nil && n == 0 {
			err = &postern.Error{Kind: postern.Conflict, Key: "staff.conflict.login", Text: "there is a member with this login already"}
		}
		return err
	})
	if err != nil {
		return Member{}, err
	}
	return m, nil
}

const memberColumns = "id, login, name, locale, organisation, roles, status"

func scanMember(row db.Scanner) (m Member, err error) {
	var roles string
	err = row.Scan(&m.ID, &m.Login, &m.Name, &m.Locale, &m.Organisation, &roles, &m.Status)
	m.Roles = splitRoles(roles)
	return m, err
}

// ByID gives a member: NotFound when there is none.
func (d *Directory) ByID(ctx context.Context, id postern.StaffID) (Member, error) {
	return d.member(ctx, "SELECT "+memberColumns+" FROM staff_member WHERE id = ?1", id)
}

// ByLogin gives a member by login, whatever its case.
func (d *Directory) ByLogin(ctx context.Context, login string) (Member, error) {
	return d.member(ctx, "SELECT "+memberColumns+" FROM staff_member WHERE login = ?1", strings.ToLower(strings.TrimSpace(login)))
}

func (d *Directory) member(ctx context.Context, query string, arg any) (m Member, err error) {
	all, err := d.members(ctx, query, arg)
	if err != nil {
		return m, err
	}
	if len(all) == 0 {
		return m, notFound("staff.unknown.member", "there is no such member of staff")
	}
	return all[0], nil
}

// Members lists all, by name.
func (d *Directory) Members(ctx context.Context) ([]Member, error) {
	return d.members(ctx, "SELECT "+memberColumns+" FROM staff_member ORDER BY name, id")
}

func (d *Directory) members(ctx context.Context, query string, args ...any) (all []Member, err error) {
	err = d.db.View(ctx, func(tx *db.Tx) error {
		return tx.Rows(query, args, func(row db.Scanner) error {
			m, err := scanMember(row)
			all = append(all, m)
			return err
		})
	})
	return all, err
}

// SetLocale changes the language of a member's pages.
func (d *Directory) SetLocale(ctx context.Context, id postern.StaffID, locale string) error {
	if locale != "fr" && locale != "en" {
		return invalid("staff.invalid.locale", "a locale is \"fr\" or \"en\"")
	}
	return d.changeMember(ctx, "UPDATE staff_member SET locale = ?2 WHERE id = ?1", id, locale)
}

// Leave ends a member's time: every session of theirs is refused from now on,
// and every API token that they made.
func (d *Directory) Leave(ctx context.Context, id postern.StaffID) error {
	return d.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.Lock(containment); err != nil {
			return err
		}
		if err := d.leave(tx, id); err != nil {
			return err
		}
		n, err := tx.Exec("UPDATE staff_member SET status = 'left' WHERE id = ?1", id)
		if err == nil && n == 0 {
			err = notFound("staff.unknown.member", "there is no such member of staff")
		}
		return err
	})
}

func (d *Directory) changeMember(ctx context.Context, query string, args ...any) error {
	return d.db.Update(ctx, func(tx *db.Tx) error {
		// The gate's reveals hold this lock shared: after Leave returns, none
		// that began before it is still on its way.
		if err := tx.Lock(containment); err != nil {
			return err
		}
		n, err := tx.Exec(query, args...)
		if err == nil && n == 0 {
			err = notFound("staff.unknown.member", "there is no such member of staff")
		}
		return err
	})
}

func joinRoles(roles []Role) string {
	words := make([]string, len(roles))
	for i, r := range roles {
		words[i] = string(r)
	}
	return strings.Join(words, " ")
}

func splitRoles(s string) []Role {
	var roles []Role
	for _, w := range strings.Fields(s) {
		roles = append(roles, Role(w))
	}
	return roles
}
