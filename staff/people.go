package staff

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Person is a member as a company's directory knows one (RFC 7643, 4.1).
type Person struct {
	Member
	ExternalID string // the directory's own id
	Email      string // lower case
	Created    time.Time
	Changed    time.Time
}

// PersonQuery selects people of an organisation; what is empty selects all.
type PersonQuery struct {
	ID         postern.StaffID
	Login      string // whatever its case
	ExternalID string
	From, Most int // paging; Most 0 is all
}

const personColumns = memberColumns + ", external_id, email, created, changed"

func scanPerson(row db.Scanner) (p Person, err error) {
	var roles string
	var created, changed int64
	err = row.Scan(&p.ID, &p.Login, &p.Name, &p.Locale, &p.Organisation, &roles, &p.Status, &p.ExternalID, &p.Email, &created, &changed)
	p.Roles, p.Created, p.Changed = splitRoles(roles), moment(created), moment(max(created, changed))
	return p, err
}

// People lists what a directory may see of its organisation, by login, and how
// many there are.
func (d *Directory) People(ctx context.Context, o postern.OrganisationID, q PersonQuery) (all []Person, total int, err error) {
	where, args := "organisation = ?1 AND unlisted = 0", db.Args(o)
	also := func(column, value string) {
		if value != "" {
			args = append(args, value)
			where += fmt.Sprintf(" AND %s = ?%d", column, len(args))
		}
	}
	also("id", string(q.ID))
	also("login", strings.ToLower(q.Login))
	also("external_id", q.ExternalID)
	err = d.db.View(ctx, func(tx *db.Tx) error {
		all = nil
		if err := tx.Row("SELECT count(*) FROM staff_member WHERE "+where, args, &total); err != nil {
			return err
		}
		page := ""
		if q.Most > 0 {
			page = fmt.Sprintf(" LIMIT %d OFFSET %d", q.Most, q.From)
		}
		return tx.Rows("SELECT "+personColumns+" FROM staff_member WHERE "+where+" ORDER BY login"+page, args, func(row db.Scanner) error {
			p, err := scanPerson(row)
			all = append(all, p)
			return err
		})
	})
	return all, total, err
}

// PersonChange is what a directory says of a person; nil leaves a thing as it is.
type PersonChange struct {
	Login, Name, Locale, ExternalID, Email *string
	Active                                 *bool
	Delete                                 bool // leaves, and is not listed any more
}

// errDirectory refuses who may not manage people.
var errDirectory = denied("staff.refused.scope", "this needs an API token with the scope \"scim\"")

// Join takes a person on, without a role and without a way in: for the session
// of an API token with the scope "scim", into its organisation alone. Somebody
// whom the directory had deleted comes back as who they were.
func (d *Directory) Join(ctx context.Context, by Session, c PersonChange) (p Person, err error) {
	err = d.manage(ctx, by, func(tx *db.Tx, o limits) error {
		now := millis(d.now())
		login := ""
		if c.Login != nil {
			login = strings.ToLower(strings.TrimSpace(*c.Login))
		}
		if err := d.room(tx, by.Organisation, login); err != nil {
			return err
		}
		old, err := personIn(tx, "login = ?1 AND organisation = ?2 AND unlisted = 1", login, by.Organisation)
		result := resultReturned
		if postern.KindOf(err) == postern.NotFound {
			result = resultJoined
			old = Person{Member: Member{ID: postern.StaffID(postern.NewID()), Login: login, Locale: "en", Organisation: by.Organisation, Status: "active"}}
			if p, err = d.changed(tx, o, old, c); err != nil {
				return err
			}
			n, err := tx.Exec(`INSERT INTO staff_member (id, login, name, locale, organisation, roles, status, created)
				VALUES (?1, ?2, ?3, ?4, ?5, '', 'active', ?6) ON CONFLICT (login) DO NOTHING`, p.ID, p.Login, p.Name, p.Locale, p.Organisation, now)
			if err == nil && n == 0 {
				err = errLogin
			}
			if err != nil {
				return err
			}
		} else if err != nil {
			return err
		} else {
			// What they were is no reason for what they shall be.
			old.Roles, old.Status = nil, "active"
			if p, err = d.changed(tx, o, old, c); err != nil {
				return err
			}
		}
		if err := d.write(tx, p, false); err != nil {
			return err
		}
		return d.personEvent(tx, by, p, result)
	})
	return p, err
}

// Amend changes a person of the token's organisation. Whoever leaves loses every
// session and API token here and now, those that they made for others too;
// whoever comes back signs in anew.
func (d *Directory) Amend(ctx context.Context, by Session, id postern.StaffID, c PersonChange) (p Person, err error) {
	err = d.manage(ctx, by, func(tx *db.Tx, o limits) error {
		old, err := personIn(tx, "id = ?1 AND organisation = ?2 AND unlisted = 0", id, by.Organisation)
		if err != nil {
			return err
		}
		if c.Delete {
			gone := false
			c.Active = &gone
		}
		if p, err = d.changed(tx, o, old, c); err != nil {
			return err
		}
		result := resultChanged
		switch {
		case p.Status == "left" && old.Status != "left":
			result = resultLeft
			if err := d.leave(tx, id); err != nil {
				return err
			}
		case p.Status == "active" && old.Status != "active":
			result = resultReturned
			if err := d.room(tx, p.Organisation, p.Login); err != nil {
				return err
			}
		}
		if err := d.write(tx, p, c.Delete); err != nil {
			return err
		}
		return d.personEvent(tx, by, p, result)
	})
	return p, err
}

// RoleChange says who shall have a role.
type RoleChange struct {
	Add, Remove []postern.StaffID
	Only        bool // and nobody else of the organisation
}

// AmendRole gives a role to people of the token's organisation and takes it
// away, which counts at once. An outsourcer's directory gives nobody a role that
// reaches beyond its organisation.
func (d *Directory) AmendRole(ctx context.Context, by Session, role Role, c RoleChange) error {
	return d.manage(ctx, by, func(tx *db.Tx, o limits) error {
		if !slices.Contains(Roles[:], role) {
			return notFound("staff.unknown.role", "there is no such role")
		}
		if role.Overall() && o.kind != "provider" {
			return denied("staff.refused.directory-admin", "only the provider's own directory makes admins, responders and auditors")
		}
		var all []Person
		if err := tx.Rows("SELECT "+personColumns+" FROM staff_member WHERE organisation = ?1 AND unlisted = 0 ORDER BY login", db.Args(by.Organisation), func(row db.Scanner) error {
			p, err := scanPerson(row)
			all = append(all, p)
			return err
		}); err != nil {
			return err
		}
		for _, id := range slices.Concat(c.Add, c.Remove) {
			if !slices.ContainsFunc(all, func(p Person) bool { return p.ID == id }) {
				return notFound("staff.unknown.member", "there is no such member of staff")
			}
		}
		for _, p := range all {
			has := slices.Contains(p.Roles, role)
			want := (has && !c.Only || slices.Contains(c.Add, p.ID)) && !slices.Contains(c.Remove, p.ID)
			if has == want {
				continue
			}
			if want {
				p.Roles = append(p.Roles, role)
			} else {
				p.Roles = slices.DeleteFunc(p.Roles, func(r Role) bool { return r == role })
			}
			if err := d.write(tx, p, false); err != nil {
				return err
			}
			if err := d.personEvent(tx, by, p, resultRoles); err != nil {
				return err
			}
		}
		return nil
	})
}

// limits are what an organisation lets its directory do.
type limits struct {
	kind    string
	domains []string
}

// manage runs f in a transaction that no reveal overlaps, while the token by
// which it is asked counts.
func (d *Directory) manage(ctx context.Context, by Session, f func(tx *db.Tx, o limits) error) error {
	if by.Scopes == nil || !by.May(ScopeSCIM) {
		return errDirectory
	}
	return d.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.Lock(containment); err != nil {
			return err
		}
		if _, err := d.Alive(tx, by.ID); err != nil {
			return err
		}
		var o limits
		var domains string
		if err := tx.Row("SELECT kind, domains FROM staff_organisation WHERE id = ?1", db.Args(by.Organisation), &o.kind, &domains); err != nil {
			return err
		}
		o.domains = strings.Fields(domains)
		return f(tx, o)
	})
}

var errLogin = &postern.Error{Kind: postern.Conflict, Key: "staff.conflict.login", Text: "there is a member with this login already"}

func personIn(tx *db.Tx, where string, args ...any) (p Person, err error) {
	err = tx.Rows("SELECT "+personColumns+" FROM staff_member WHERE "+where, args, func(row db.Scanner) error {
		p, err = scanPerson(row)
		return err
	})
	if err == nil && p.ID == "" {
		err = notFound("staff.unknown.member", "there is no such member of staff")
	}
	return p, err
}

// changed gives p as c would have it: Invalid, or Denied for an address of a
// domain that is not the organisation's.
func (d *Directory) changed(tx *db.Tx, o limits, p Person, c PersonChange) (Person, error) {
	set := func(to *string, from *string) {
		if from != nil {
			*to = strings.TrimSpace(*from)
		}
	}
	set(&p.Login, c.Login)
	set(&p.Name, c.Name)
	set(&p.Locale, c.Locale)
	set(&p.ExternalID, c.ExternalID)
	set(&p.Email, c.Email)
	p.Login, p.Email = strings.ToLower(p.Login), strings.ToLower(p.Email)
	if c.Active != nil {
		p.Status = map[bool]string{true: "active", false: "left"}[*c.Active]
	}
	if p.Name == "" {
		p.Name = p.Login
	}
	switch {
	case !loginForm.MatchString(p.Login):
		return p, invalid("staff.invalid.login", "a login has 1 to 64 letters, digits and . _ @ -, and starts and ends with a letter or digit")
	case len(p.Name) > 200:
		return p, invalid("staff.invalid.name", "give a name of at most 200 bytes")
	case p.Locale != "fr" && p.Locale != "en":
		return p, invalid("staff.invalid.locale", "a locale is \"fr\" or \"en\"")
	case len(p.ExternalID) > 200 || len(p.Email) > 254:
		return p, invalid("staff.invalid.directory", "an external id has at most 200 bytes, an address 254")
	case !o.owns(p.Login) || !o.owns(p.Email):
		return p, denied("staff.refused.domain", "the address is of a domain that is not this organisation's")
	}
	var other postern.StaffID
	err := tx.Row("SELECT id FROM staff_member WHERE (login = ?1 OR organisation = ?2 AND external_id = ?3 AND external_id <> '') AND id <> ?4",
		db.Args(p.Login, p.Organisation, p.ExternalID, p.ID), &other)
	if err == nil {
		return p, errLogin
	}
	if !errors.Is(err, db.ErrNoRows) {
		return p, err
	}
	return p, nil
}

// owns says whether an address may be a member's. An outsourcer without domains
// has no addresses: it could name its people like the provider's.
func (o limits) owns(address string) bool {
	_, domain, is := strings.Cut(address, "@")
	if !is || o.kind == "provider" && len(o.domains) == 0 {
		return true
	}
	return slices.Contains(o.domains, domain)
}

func (d *Directory) write(tx *db.Tx, p Person, unlisted bool) error {
	if unlisted {
		p.ExternalID = "" // the directory may use it again
	}
	_, err := tx.Exec(`UPDATE staff_member SET login = ?2, name = ?3, locale = ?4, roles = ?5, status = ?6, external_id = ?7, email = ?8, unlisted = ?9, changed = ?10
		WHERE id = ?1`, p.ID, p.Login, p.Name, p.Locale, joinRoles(p.Roles), p.Status, p.ExternalID, p.Email, bit(unlisted), millis(d.now()))
	return err
}

// leave ends what would come alive again with the member, sessions and API
// tokens, and the tokens that they made for others, which they may know and
// which nobody else answers for. Passkeys and passwords wait for a return.
func (d *Directory) leave(tx *db.Tx, id postern.StaffID) error {
	now := d.now()
	if _, err := tx.Exec("UPDATE staff_credential SET ended_at = COALESCE(ended_at, ?2) WHERE staff = ?1 AND kind = 'token'", id, millis(now)); err != nil {
		return err
	}
	if _, err := tx.Exec("UPDATE staff_invite SET used_at = ?2 WHERE staff = ?1 AND used_at IS NULL", id, millis(now)); err != nil {
		return err
	}
	if err := d.endTokensMadeBy(tx, id, now); err != nil {
		return err
	}
	_, err := d.endSessions(tx, hangsOn, string(id), now)
	return err
}

// hangsOn selects the sessions that end with a member's time: their own, and
// those of the API tokens that they made.
const hangsOn = "(staff = ?1 OR id IN (SELECT session FROM staff_token WHERE made_by = ?1))"

func (d *Directory) personEvent(tx *db.Tx, by Session, p Person, result string) error {
	return d.event(tx, Event{At: d.now(), Staff: p.ID, Organisation: p.Organisation, Credential: by.Credential, Session: by.ID,
		Network: by.Network, Agent: by.Agent, Method: methodSCIM, Result: result})
}

// SessionsOf gives the sessions that end with a member's time: theirs and those
// of the API tokens that they made, the ones that ended before their time too.
func (d *Directory) SessionsOf(ctx context.Context, id postern.StaffID) (all []postern.SessionID, err error) {
	err = d.db.View(ctx, func(tx *db.Tx) error {
		return tx.Rows("SELECT id FROM staff_session WHERE "+hangsOn+" AND expires > ?2 ORDER BY id", db.Args(id, millis(d.now())), func(row db.Scanner) error {
			var s postern.SessionID
			err := row.Scan(&s)
			all = append(all, s)
			return err
		})
	})
	return all, err
}
