package staff

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Organisation employs members: the provider itself, or an outsourcer.
type Organisation struct {
	ID          postern.OrganisationID
	Name        string
	Kind        string // "provider" or "outsourcer"
	SuspendedAt time.Time

	Domains     []string       // where its members' logins that are addresses must lie; none: anywhere
	Networks    []netip.Prefix // where its members work; none: anywhere. At most /24 or /48, see [Network]
	Hours       Hours          // when they work; a session ends with the shift it began in
	MaxMembers  int            // active ones; 0: any number
	Device      string         // "" or [DeviceRequired]
	PasskeyOnly bool           // no passwords
}

// DeviceRequired lets nobody in whose browser signs no requests. The pages then
// need scripts, and say so.
const DeviceRequired = "required"

const organisationColumns = "id, name, kind, suspended_at, domains, networks, hours, max_members, device, passkey_only"

func scanOrganisation(row db.Scanner) (o Organisation, err error) {
	var at *int64
	var domains, networks, hours string
	var max, only int64
	if err = row.Scan(&o.ID, &o.Name, &o.Kind, &at, &domains, &networks, &hours, &max, &o.Device, &only); err != nil {
		return o, err
	}
	o.SuspendedAt, o.Domains, o.MaxMembers, o.PasskeyOnly = instant(at), strings.Fields(domains), int(max), only == 1
	if o.Networks, err = prefixes(networks); err != nil {
		return o, err
	}
	o.Hours, err = ParseHours(hours)
	return o, err
}

// Organisations lists all, by name.
func (d *Directory) Organisations(ctx context.Context) (all []Organisation, err error) {
	return d.organisations(ctx, "SELECT "+organisationColumns+" FROM staff_organisation ORDER BY name, id")
}

// Organisation gives one: NotFound when there is none.
func (d *Directory) Organisation(ctx context.Context, id postern.OrganisationID) (Organisation, error) {
	all, err := d.organisations(ctx, "SELECT "+organisationColumns+" FROM staff_organisation WHERE id = ?1", id)
	if err != nil {
		return Organisation{}, err
	}
	if len(all) == 0 {
		return Organisation{}, notFound("staff.unknown.organisation", "there is no such organisation")
	}
	return all[0], nil
}

func (d *Directory) organisations(ctx context.Context, query string, args ...any) (all []Organisation, err error) {
	err = d.db.View(ctx, func(tx *db.Tx) error {
		all = nil
		return tx.Rows(query, args, func(row db.Scanner) error {
			o, err := scanOrganisation(row)
			all = append(all, o)
			return err
		})
	})
	return all, err
}

var (
	organisationForm = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$`)
	domainForm       = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`)
)

func (o Organisation) flaw() error {
	switch {
	case !organisationForm.MatchString(string(o.ID)):
		return invalid("staff.invalid.organisation-id", "an organisation's id is a short word of lower-case letters, digits and hyphens, such as \"helpline\"")
	case strings.TrimSpace(o.Name) == "" || len(o.Name) > 200:
		return invalid("staff.invalid.name", "give a name of at most 200 bytes")
	case o.Kind != "provider" && o.Kind != "outsourcer":
		return invalid("staff.invalid.organisation-kind", "an organisation is a \"provider\" or an \"outsourcer\"")
	case o.Device != "" && o.Device != DeviceRequired:
		return invalid("staff.invalid.device", "a browser's key is \"required\", or nothing is said")
	case o.MaxMembers < 0 || o.MaxMembers > 1_000_000:
		return invalid("staff.invalid.max-members", "the most members are between 1 and 1,000,000, or 0 for any number")
	case len(o.Networks) > 100 || len(o.Domains) > 100:
		return invalid("staff.invalid.too-many", "an organisation has at most 100 networks and 100 domains")
	}
	for _, n := range o.Networks {
		if !n.IsValid() || n != n.Masked() || n.Addr().Is4In6() || n.Addr().Is4() && n.Bits() > bits4 || n.Addr().Is6() && n.Bits() > bits6 {
			return invalid("staff.invalid.network-range", "an organisation's network is an IPv4 /24 or an IPv6 /48 or wider, such as 203.0.113.0/24")
		}
	}
	for _, domain := range o.Domains {
		if len(domain) > 253 || !domainForm.MatchString(domain) {
			return invalid("staff.invalid.domain", fmt.Sprintf("%q is no domain in lower case, such as helpline.example", domain))
		}
	}
	return nil
}

// columns are what CreateOrganisation and UpdateOrganisation write, in order:
// name, domains, networks, hours, most members, device, passkeys only.
func (o Organisation) columns() []any {
	networks := make([]string, len(o.Networks))
	for i, n := range o.Networks {
		networks[i] = n.String()
	}
	return []any{o.ID, o.Name, strings.Join(o.Domains, " "), strings.Join(networks, " "), o.Hours.String(), int64(o.MaxMembers), o.Device, bit(o.PasskeyOnly)}
}

// CreateOrganisation adds an organisation: Invalid, or Conflict when its ID is
// taken.
func (d *Directory) CreateOrganisation(ctx context.Context, o Organisation) error {
	if err := o.flaw(); err != nil {
		return err
	}
	return d.db.Update(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(`INSERT INTO staff_organisation (id, name, domains, networks, hours, max_members, device, passkey_only, kind, created)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING`,
			append(o.columns(), o.Kind, millis(d.now()))...)
		if err == nil && n == 0 {
			err = &postern.Error{Kind: postern.Conflict, Key: "staff.conflict.organisation", Text: "there is an organisation with this id already"}
		}
		return err
	})
}

// UpdateOrganisation changes what an organisation is called and what it keeps
// its members to; its kind and its suspension stay. It counts at once, also for
// sessions that began before, and after it returns no reveal is on its way that
// began before: so nobody's access is longer than what stands here.
func (d *Directory) UpdateOrganisation(ctx context.Context, o Organisation) error {
	was, err := d.Organisation(ctx, o.ID)
	if err != nil {
		return err
	}
	o.Kind = was.Kind
	if err := o.flaw(); err != nil {
		return err
	}
	shift, err := d.shift(o.Hours.String(), d.now())
	if err != nil {
		return err
	}
	return d.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.Lock(containment); err != nil {
			return err
		}
		if err := tx.ExecOne(`UPDATE staff_organisation SET name = ?2, domains = ?3, networks = ?4, hours = ?5, max_members = ?6, device = ?7, passkey_only = ?8
			WHERE id = ?1`, o.columns()...); err != nil {
			return err
		}
		if o.Hours.String() == was.Hours.String() {
			return nil
		}
		// People's sessions now end with the shift of the new hours.
		_, err := tx.Exec(`UPDATE staff_session SET shift = ?2 WHERE organisation = ?1 AND ended_at IS NULL AND expires > ?3
			AND id NOT IN (SELECT session FROM staff_token)`, o.ID, shift, millis(d.now()))
		return err
	})
}

// hoursOf parses hours, once for each text.
func (d *Directory) hoursOf(text string) (Hours, error) {
	if h, ok := d.hours.Load(text); ok {
		return h.(Hours), nil
	}
	h, err := ParseHours(text)
	if err != nil {
		return h, fmt.Errorf("couldn't read an organisation's hours: %w", err)
	}
	d.hours.Store(text, h)
	return h, nil
}

// shift gives the end of the shift that a time is in, nil for none.
func (d *Directory) shift(hours string, at time.Time) (*int64, error) {
	h, err := d.hoursOf(hours)
	if err != nil {
		return nil, err
	}
	until, open := h.Open(at)
	if until.IsZero() || !open {
		return nil, nil
	}
	end := millis(until)
	return &end, nil
}

func prefixes(list string) (all []netip.Prefix, err error) {
	for _, s := range strings.Fields(list) {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, errors.New("an organisation's network is written wrongly")
		}
		all = append(all, p)
	}
	return all, nil
}

// allWithin says whether every network of one list lies in one of another.
func allWithin(used, networks string) bool {
	within, err := prefixes(networks)
	if err != nil {
		return false
	}
	where, err := prefixes(used)
	if err != nil {
		return false
	}
	for _, u := range where {
		if !slices.ContainsFunc(within, func(n netip.Prefix) bool { return n.Bits() <= u.Bits() && n.Contains(u.Addr()) }) {
			return false
		}
	}
	return true
}

// room says whether an organisation takes one more member of this login, in the
// transaction that adds the member or brings them back.
func (d *Directory) room(tx *db.Tx, id postern.OrganisationID, login string) error {
	if err := tx.Lock("staff members"); err != nil {
		return err
	}
	var domains string
	var most, members int64
	err := tx.Row("SELECT domains, max_members, (SELECT count(*) FROM staff_member WHERE organisation = ?1 AND status = 'active') FROM staff_organisation WHERE id = ?1",
		db.Args(id), &domains, &most, &members)
	switch {
	case errors.Is(err, db.ErrNoRows):
		return notFound("staff.unknown.organisation", "there is no such organisation")
	case err != nil:
		return err
	case most > 0 && members >= most:
		return &postern.Error{Kind: postern.Conflict, Key: "staff.conflict.members", Text: "the organisation has as many members as it may have"}
	}
	if _, domain, address := strings.Cut(login, "@"); domains != "" && address && !slices.Contains(strings.Fields(domains), domain) {
		return invalid("staff.invalid.login-domain", "the login lies in none of the organisation's domains")
	}
	return nil
}
