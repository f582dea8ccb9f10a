// Package hooks lets ticket systems hear of cases and act on them: outbound
// webhooks of what became of a case, and inbound ones that open, answer and
// close cases, signed as the Standard Webhooks specification 1.0 says.
//
// Read [Hooks] first; adapter.go has the shapes of Zendesk, Jira and osTicket.
//
// What it keeps: hook_endpoint, hook_delivery (an outbox; what cannot be
// delivered in a day is kept as "dead" until somebody sends it again) and
// hook_received in the staff plane.
//
// Trust: it handles the secrets of other systems, and customers' addresses that
// those send. It must never send what was written in a case, and a customer's
// name, address and subject only where the hook says include_customer. It logs
// no payload. Its dialer reaches private networks only for a hook that may.
package hooks

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/staff"
)

//go:embed migrations/*.sql
var migrations embed.FS

// The kinds of systems.
const (
	Standard = "standard"
	Zendesk  = "zendesk"
	Jira     = "jira"
	OsTicket = "osticket"
)

// Kinds lists them.
var Kinds = [...]string{Standard, Zendesk, Jira, OsTicket}

// Customer is what the mail plane says of an address.
type Customer struct {
	Account      postern.AccountID
	Name, Locale string
}

// Parts is what Hooks is made of.
type Parts struct {
	DB    *db.Handle // the staff plane
	Desk  *desk.Desk
	Cases *desk.Cases
	Staff *staff.Directory
	// Find gives the account of an address; NotFound for none.
	Find func(ctx context.Context, address string) (Customer, error)
	Now  func() time.Time
	Log  *slog.Logger
}

// Hooks is safe for concurrent use.
type Hooks struct {
	Parts
	public, private *http.Client
}

// Hook is one other system, for one organisation.
type Hook struct {
	ID              string
	Organisation    postern.OrganisationID
	Kind, Label     string
	URL             string // "" for one that only hears
	Credential      string // the value of the header that the other system wants
	Private         bool
	IncludeCustomer bool
	Made, Ended     time.Time

	secret []byte
}

// Delivery is one event on its way to a hook.
type Delivery struct {
	ID, Hook, Event string
	Case            postern.CaseID
	Made, Next      time.Time
	Tries           int
	State           string // "waiting", "delivered", "dead"
	Status          int
	Problem         string
}

// The states of a [Delivery].
const (
	Waiting   = "waiting"
	Delivered = "delivered"
	Dead      = "dead"
)

// Open migrates the tables and listens to what becomes of cases.
func Open(ctx context.Context, p Parts) (*Hooks, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := p.DB.Migrate(ctx, "desk/hooks", files); err != nil {
		return nil, err
	}
	h := &Hooks{Parts: p, public: client(false), private: client(true)}
	p.Cases.Listen(h)
	return h, nil
}

func invalid(key, text string) error {
	return &postern.Error{Kind: postern.Invalid, Key: key, Text: text}
}

func (h *Hooks) manager(tx *db.Tx, by staff.Session) (staff.Session, error) {
	s, err := h.Staff.Alive(tx, by.ID)
	if err == nil && !s.Is(staff.Approver) && !s.Is(staff.Admin) {
		err = &postern.Error{Kind: postern.Denied, Key: "desk.refused.not-manager", Text: "only approvers and admins set up the desk"}
	}
	return s, err
}

// Create adds a hook for the session's organisation. The secret is shown once,
// in the form of Standard Webhooks: "whsec_" and base64.
func (h *Hooks) Create(ctx context.Context, by staff.Session, n Hook) (made Hook, secret string, err error) {
	n.Label = strings.TrimSpace(n.Label)
	known := false
	for _, k := range Kinds {
		known = known || k == n.Kind
	}
	if !known || n.Label == "" || len(n.Label) > 80 || len(n.Credential) > 500 || strings.ContainsAny(n.Credential+n.URL, "\r\n\x00") {
		return n, "", invalid("desk.invalid.hook", "a hook has a kind, and a name of at most 80 letters")
	}
	if n.URL != "" {
		u, err := url.Parse(n.URL)
		if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && n.Private) || len(n.URL) > 500 {
			return n, "", invalid("desk.invalid.hook-url", "write an address with https://; http:// only on a private network")
		}
	}
	n.secret = make([]byte, 32)
	rand.Read(n.secret)
	n.ID, n.Made = postern.NewID(), h.Now()
	err = h.DB.Update(ctx, func(tx *db.Tx) error {
		s, err := h.manager(tx, by)
		if err != nil {
			return err
		}
		if n.Private && s.OrganisationKind != "provider" {
			return &postern.Error{Kind: postern.Denied, Key: "desk.refused.private-hook", Text: "the private network is the provider's: no hook of another organisation is let in"}
		}
		n.Organisation = s.Organisation
		return tx.ExecOne(`INSERT INTO hook_endpoint (id, organisation, kind, label, url, secret, credential, private, include_customer, made, ended)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0)`,
			n.ID, string(n.Organisation), n.Kind, n.Label, n.URL, n.secret, n.Credential, bit(n.Private), bit(n.IncludeCustomer), n.Made.UnixMilli())
	})
	return n, "whsec_" + base64.StdEncoding.EncodeToString(n.secret), err
}

// SetSecret replaces a hook's secret by one that the other system made:
// Zendesk and Jira may choose it themselves.
func (h *Hooks) SetSecret(ctx context.Context, by staff.Session, id, secret string) error {
	key := []byte(secret)
	if coded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(coded); err != nil {
			return invalid("desk.invalid.hook-secret", "the secret is no base64")
		}
	}
	if len(key) < 16 || len(key) > 200 {
		return invalid("desk.invalid.hook-secret", "a secret has 16 to 200 bytes")
	}
	return h.change(ctx, by, id, func(tx *db.Tx) error {
		return tx.ExecOne("UPDATE hook_endpoint SET secret = ?2 WHERE id = ?1", id, key)
	})
}

// End stops a hook: it neither hears nor says anything more.
func (h *Hooks) End(ctx context.Context, by staff.Session, id string) error {
	return h.change(ctx, by, id, func(tx *db.Tx) error {
		if _, err := tx.Exec("UPDATE hook_delivery SET state = 'dead', problem = 'ended' WHERE hook = ?1 AND state = 'waiting'", id); err != nil {
			return err
		}
		return tx.ExecOne("UPDATE hook_endpoint SET ended = ?2 WHERE id = ?1", id, h.Now().UnixMilli())
	})
}

// Again sends what is dead once more.
func (h *Hooks) Again(ctx context.Context, by staff.Session, id string) error {
	return h.change(ctx, by, id, func(tx *db.Tx) error {
		_, err := tx.Exec("UPDATE hook_delivery SET state = 'waiting', tries = 0, next = ?2 WHERE hook = ?1 AND state = 'dead'", id, h.Now().UnixMilli())
		return err
	})
}

func (h *Hooks) change(ctx context.Context, by staff.Session, id string, f func(*db.Tx) error) error {
	return h.DB.Update(ctx, func(tx *db.Tx) error {
		s, err := h.manager(tx, by)
		if err != nil {
			return err
		}
		k, err := hook(tx, id)
		if err == nil && k.Organisation != s.Organisation {
			err = errUnknown
		}
		if err != nil {
			return err
		}
		return f(tx)
	})
}

// List gives the organisation's hooks and what is waiting or dead of each.
func (h *Hooks) List(ctx context.Context, by staff.Session) (all []Hook, last []Delivery, err error) {
	err = h.DB.View(ctx, func(tx *db.Tx) error {
		s, err := h.manager(tx, by)
		if err != nil {
			return err
		}
		if all, err = hooks(tx, "organisation = ?1 ORDER BY made, id LIMIT 100", string(s.Organisation)); err != nil {
			return err
		}
		return tx.Rows(`SELECT d.id, d.hook, d.event, d.case_id, d.made, d.next, d.tries, d.state, d.status, d.problem FROM hook_delivery d JOIN hook_endpoint e ON e.id = d.hook
			WHERE e.organisation = ?1 ORDER BY d.n DESC LIMIT 50`, db.Args(string(s.Organisation)), func(row db.Scanner) error {
			var d Delivery
			var made, next int64
			err := row.Scan(&d.ID, &d.Hook, &d.Event, &d.Case, &made, &next, &d.Tries, &d.State, &d.Status, &d.Problem)
			d.Made, d.Next = time.UnixMilli(made).UTC(), time.UnixMilli(next).UTC()
			last = append(last, d)
			return err
		})
	})
	return all, last, err
}

var errUnknown = &postern.Error{Kind: postern.NotFound, Key: "desk.unknown.hook", Text: "there is no such hook"}

func hook(tx *db.Tx, id string) (Hook, error) {
	found, err := hooks(tx, "id = ?1 AND ended = 0", id)
	if err == nil && len(found) == 0 {
		err = errUnknown
	}
	if err != nil {
		return Hook{}, err
	}
	return found[0], nil
}

func hooks(tx *db.Tx, where string, args ...any) (all []Hook, err error) {
	err = tx.Rows("SELECT id, organisation, kind, label, url, secret, credential, private, include_customer, made, ended FROM hook_endpoint WHERE "+where, args, func(row db.Scanner) error {
		var k Hook
		var private, include, made, ended int64
		err := row.Scan(&k.ID, &k.Organisation, &k.Kind, &k.Label, &k.URL, &k.secret, &k.Credential, &private, &include, &made, &ended)
		k.Private, k.IncludeCustomer, k.Made = private == 1, include == 1, time.UnixMilli(made).UTC()
		if ended != 0 {
			k.Ended = time.UnixMilli(ended).UTC()
		}
		all = append(all, k)
		return err
	})
	return all, err
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// isNone says that a row is not there.
func isNone(err error) bool { return errors.Is(err, db.ErrNoRows) }
