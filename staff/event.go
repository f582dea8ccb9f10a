package staff

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/staff/device"
)

// From says where a request comes from.
type From struct {
	Network string // as [Network] gives it
	Agent   string // the browser's own words
	// Request carries the proof of the browser's key, if the request has one.
	Request device.Request

	key string // the thumbprint, once the proof of a sign-in was taken
}

const maxAgent = 200

// bounded cuts what came from outside to what is stored.
func (f From) bounded() From {
	f.Agent = strings.ToValidUTF8(f.Agent, "")
	f.Agent = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, f.Agent)
	for len(f.Agent) > maxAgent {
		_, n := utf8.DecodeLastRuneInString(f.Agent)
		f.Agent = f.Agent[:len(f.Agent)-n]
	}
	if _, err := parseNetwork(f.Network); err != nil {
		f.Network = ""
	}
	return f
}

// The sizes of the networks that sign-ins are counted, known and blocked by:
// what one household or office has, as a rule (RFC 6177 for IPv6).
const (
	bits4 = 24
	bits6 = 48
)

// Network gives the /24 or /48 of an address, "203.0.113.0/24", and "" for an
// address that is none.
func Network(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	bits := bits6
	if addr.Is4() {
		bits = bits4
	}
	p, err := addr.Prefix(bits)
	if err != nil || !p.IsValid() {
		return ""
	}
	return p.String()
}

// parseNetwork accepts what Network gives, and no other spelling of it.
func parseNetwork(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || Network(p.Addr()) != s {
		return netip.Prefix{}, invalid("staff.invalid.network", "a network is an IPv4 /24 or an IPv6 /48, such as 203.0.113.0/24")
	}
	return p, nil
}

// Methods and results of events.
const (
	methodPasskey  = "passkey"
	methodPassword = "password"
	methodDemo     = "demo"
	methodSession  = "session"
	methodToken    = "token"
	methodSCIM     = "scim"
	methodOIDC     = "oidc"

	resultOK       = "ok"
	resultWrong    = "wrong"
	resultReplayed = "code-replayed"
	resultCloned   = "clone-warning"
	resultMoved    = "moved"
	resultRefused  = "refused"
	resultMade     = "made"
	resultEnded    = "ended"
	resultJoined   = "joined"
	resultReturned = "returned"
	resultChanged  = "changed"
	resultRoles    = "roles"
	resultLeft     = "left"
	resultProved   = "proved"
	// A request for a session that a browser's key is bound to, without the
	// key: from another network or browser than the session's, or signed by
	// another key; and one that looks like the session's own browser.
	resultDevice  = "device-refused"
	resultMissing = "device-missing"
)

// Event is one thing that happened at the door.
type Event struct {
	Seq          int64
	At           time.Time
	Staff        postern.StaffID // empty when nobody knows who it was
	Organisation postern.OrganisationID
	Credential   postern.CredentialID
	Session      postern.SessionID // of a success, and of "moved"
	Network      string
	Agent        string
	Method       string // "passkey", "password", "token", "demo"; "session" for one that moved
	Result       string // "proved", "device-refused", "device-missing"; "ok", "wrong", "code-replayed", "clone-warning", "refused" (contained or gone), "moved"; of tokens also "made", "ended"; by "scim" "joined", "changed", "roles", "left", "returned"
	Known        bool   // the member has signed in from this network before
	First        bool   // the member has never signed in before, from anywhere
}

// event writes e. The feed's numbers must become visible in their order, or a
// cursor would step over one that commits late: so one writer at a time.
func (d *Directory) event(tx *db.Tx, e Event) error {
	if err := tx.Lock("staff events"); err != nil {
		return err
	}
	var total, here int
	if e.Staff != "" {
		if err := tx.Row("SELECT count(*), count(CASE WHEN network = ?2 THEN 1 END) FROM staff_network_known WHERE staff = ?1",
			db.Args(e.Staff, e.Network), &total, &here); err != nil {
			return err
		}
	}
	if e.Result == resultOK && here == 0 {
		if _, err := tx.Exec("INSERT INTO staff_network_known (staff, network, at) VALUES (?1, ?2, ?3)", e.Staff, e.Network, millis(e.At)); err != nil {
			return err
		}
	}
	_, err := tx.Exec(`INSERT INTO staff_event (at, staff, organisation, credential, session, network, agent, method, result, known, first)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)`,
		millis(e.At), e.Staff, e.Organisation, e.Credential, e.Session, e.Network, e.Agent, e.Method, e.Result, bit(here > 0), bit(e.Staff != "" && total == 0))
	return err
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Events gives what happened after a number, in order: a reader that keeps the
// last number it has dealt with misses nothing and sees nothing twice.
func (d *Directory) Events(ctx context.Context, after int64, limit int) (all []Event, err error) {
	err = d.db.View(ctx, func(tx *db.Tx) error {
		return tx.Rows(`SELECT seq, at, staff, organisation, credential, session, network, agent, method, result, known, first
			FROM staff_event WHERE seq > ?1 ORDER BY seq LIMIT ?2`, db.Args(after, limit), func(row db.Scanner) error {
			var e Event
			var at, known, first int64
			if err := row.Scan(&e.Seq, &at, &e.Staff, &e.Organisation, &e.Credential, &e.Session, &e.Network, &e.Agent, &e.Method, &e.Result, &known, &first); err != nil {
				return err
			}
			e.At, e.Known, e.First = moment(at), known == 1, first == 1
			all = append(all, e)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the sign-in events: %w", err)
	}
	return all, nil
}

// refusal gives the page key of a Denied error, else "".
func refusal(err error) string {
	var e *postern.Error
	if errors.As(err, &e) && e.Kind == postern.Denied {
		return e.Key
	}
	return ""
}
