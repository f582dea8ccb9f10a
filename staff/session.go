package staff

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Session is one sign-in. Its roles are the member's as they stand now, so that
// taking a role away counts at once.
type Session struct {
	ID                  postern.SessionID
	Staff               postern.StaffID
	Credential          postern.CredentialID
	Organisation        postern.OrganisationID
	OrganisationName    string
	OrganisationKind    string // "provider" or "outsourcer"
	Name, Login, Locale string
	Roles               []Role
	Network, Agent      string // where it was made
	Created, Expires    time.Time

	// Proved is when the member last proved to be there: the sign-in, or a
	// passkey or code given again since.
	Proved time.Time
	// Shift is when the shift ends in which the session began; zero where the
	// organisation has no hours.
	Shift time.Time
	// Device is the SHA-256 thumbprint (RFC 7638) of the key in the browser that
	// signs the session's requests; empty for a session that no key is bound to.
	Device string
	// Scopes are what an API token may do, nil for a person's session.
	Scopes []string
}

// Is says whether the session's member has the role.
func (s Session) Is(r Role) bool { return slices.Contains(s.Roles, r) }

// newToken makes a session's or an invitation's secret, and what is kept of it.
// 32 random bytes need no slow hash.
func newToken() (token string, kept []byte) {
	var b [32]byte
	rand.Read(b[:])
	token = base64.RawURLEncoding.EncodeToString(b[:])
	return token, hashToken(token)
}

func hashToken(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

// containment is the advisory lock between reveals, which share it, and the
// endings of access, which have it alone (DESIGN.md, 3).
const containment = "containment"

// begin makes a session for a credential in tx, if everything it hangs on is in
// order, and writes the event. A session whose sign-in carried a proof of the
// browser's key is bound to that key.
func (d *Directory) begin(tx *db.Tx, tokenHash []byte, c postern.CredentialID, from From, method string) (Session, error) {
	if err := tx.LockShared(containment); err != nil {
		return Session{}, err
	}
	from, err := d.proven(from)
	if err != nil {
		return Session{}, err
	}
	now := d.now()
	s := Session{ID: postern.SessionID(postern.NewID()), Credential: c, Network: from.Network, Agent: from.Agent,
		Created: moment(millis(now)), Expires: moment(millis(now.Add(SessionLife)))}
	var hours string
	if err := tx.Row(`SELECT m.id, m.organisation, o.hours FROM staff_credential c JOIN staff_member m ON m.id = c.staff
		JOIN staff_organisation o ON o.id = m.organisation WHERE c.id = ?1`, db.Args(c), &s.Staff, &s.Organisation, &hours); err != nil {
		return Session{}, err
	}
	shift, err := d.shift(hours, now)
	if err != nil {
		return Session{}, err
	}
	if _, err := tx.Exec(`INSERT INTO staff_session (id, token_hash, staff, credential, organisation, network, agent, created, expires, seen, proved, shift, device)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?8, ?8, ?10, ?11)`,
		s.ID, tokenHash, s.Staff, c, s.Organisation, s.Network, s.Agent, millis(s.Created), millis(s.Expires), shift, from.key); err != nil {
		return Session{}, err
	}
	if _, err := tx.Exec("INSERT INTO staff_session_network (session, network, at) VALUES (?1, ?2, ?3)", s.ID, s.Network, millis(now)); err != nil {
		return Session{}, err
	}
	if s, err = d.alive(tx, "s.id = ?1", s.ID); err != nil {
		return Session{}, err
	}
	if _, err := tx.Exec("UPDATE staff_credential SET last_used = ?2 WHERE id = ?1", c, millis(now)); err != nil {
		return Session{}, err
	}
	return s, d.event(tx, Event{At: now, Staff: s.Staff, Organisation: s.Organisation, Credential: c, Session: s.ID,
		Network: s.Network, Agent: s.Agent, Method: method, Result: resultOK})
}

// Alive says whether a session throttle.Counts, in one statement inside the caller's
// transaction, and gives it. It is Denied, with a key that says why, when the
// session, its credential or its member's time has ended, its organisation is
// suspended, or a network it was used from is blocked. A reveal calls it after
// taking the shared lock "containment" in a statement of its own.
func (d *Directory) Alive(tx *db.Tx, id postern.SessionID) (Session, error) {
	return d.alive(tx, "s.id = ?1", id)
}

const aliveQuery = `SELECT s.id, s.staff, s.credential, s.organisation, o.name, o.kind, m.name, m.login, m.locale, m.roles,
	s.network, s.agent, s.created, s.expires, s.seen, s.ended_at, c.ended_at, m.status, o.suspended_at,
	(SELECT min(b.at) FROM staff_session_network n JOIN staff_network_block b ON b.network = n.network WHERE n.session = s.id),
	(SELECT scopes FROM staff_token WHERE session = s.id),
	s.proved, s.shift, s.device, c.kind, o.hours, o.networks, o.device, o.passkey_only,
	CASE WHEN o.networks = '' THEN '' ELSE COALESCE((SELECT string_agg(n.network, ' ') FROM staff_session_network n WHERE n.session = s.id), '') END,
	CASE WHEN o.networks = '' THEN 0 ELSE (SELECT count(*) FROM staff_session_network n WHERE n.session = s.id AND n.network = '') END
	FROM staff_session s
	JOIN staff_credential c ON c.id = s.credential
	JOIN staff_member m ON m.id = s.staff
	JOIN staff_organisation o ON o.id = s.organisation
	WHERE `

func (d *Directory) alive(tx *db.Tx, where string, arg any) (s Session, err error) {
	s, _, err = d.aliveSeen(tx, where, arg)
	return s, err
}

func (d *Directory) aliveSeen(tx *db.Tx, where string, arg any) (s Session, seen time.Time, err error) {
	var roles, status string
	var created, expires, seenMillis int64
	var ended, credentialEnded, suspended, blocked *int64
	var scopes *string // of an API token
	var proved int64
	var shift *int64
	var k keeps
	err = tx.Row(aliveQuery+where, db.Args(arg), &s.ID, &s.Staff, &s.Credential, &s.Organisation, &s.OrganisationName, &s.OrganisationKind,
		&s.Name, &s.Login, &s.Locale, &roles, &s.Network, &s.Agent, &created, &expires, &seenMillis,
		&ended, &credentialEnded, &status, &suspended, &blocked, &scopes,
		&proved, &shift, &s.Device, &k.kind, &k.hours, &k.networks, &k.device, &k.passkeyOnly, &k.used, &k.nowhere)
	if errors.Is(err, db.ErrNoRows) {
		return Session{}, seen, denied(KeySignedOut, "there is no such session")
	}
	if err != nil {
		return Session{}, seen, err
	}
	s.Roles, s.Created, s.Expires, seen = splitRoles(roles), moment(created), moment(expires), moment(seenMillis)
	if scopes != nil {
		s.Scopes = append([]string{}, strings.Fields(*scopes)...)
	}
	if proved == 0 { // from before proofs were kept
		proved = created
	}
	s.Proved, s.Shift = moment(proved), instant(shift)
	now := millis(d.now())
	switch {
	case suspended != nil:
		err = denied(KeySuspended, "the organisation is suspended")
	case credentialEnded != nil:
		err = denied(KeyCredentialEnded, "the credential was ended")
	case blocked != nil:
		err = denied(KeyNetworkBlocked, "the network is blocked")
	case status != "active":
		err = denied(KeyLeft, "the member of staff is no longer active")
	case ended != nil:
		err = denied(KeySessionEnded, "the session was ended")
	case now >= expires:
		err = denied(KeyExpired, "the session is over")
	case scopes == nil && now >= seenMillis+SessionIdle.Milliseconds():
		err = denied(KeyIdle, "the session was idle for too long")
	default:
		err = d.kept(s, k)
	}
	if err != nil {
		return Session{}, seen, err
	}
	return s, seen, nil
}

// The keys of Alive's refusals.
const (
	KeySignedOut       = "staff.refused.signed-out"
	KeySuspended       = "staff.refused.organisation-suspended"
	KeyCredentialEnded = "staff.refused.credential-ended"
	KeyNetworkBlocked  = "staff.refused.network-blocked"
	KeyDeviceBlocked   = "staff.refused.device-blocked"
	KeyLeft            = "staff.refused.left"
	KeySessionEnded    = "staff.refused.session-ended"
	KeyExpired         = "staff.refused.session-expired"
	KeyIdle            = "staff.refused.session-idle"
)

// Contained says whether a refusal of Alive was an act, a containment or a
// signing out, rather than the clock.
func Contained(err error) bool {
	switch postern.KeyOf(err) {
	case KeySuspended, KeyCredentialEnded, KeyNetworkBlocked, KeyLeft, KeySessionEnded:
		return true
	}
	return false
}

// touchEvery bounds how often a session's last use is written.
const touchEvery = time.Minute

// SessionOf gives the session of a cookie's token and notes its use: Denied as
// in Alive. The absolute life does not slide.
func (d *Directory) SessionOf(ctx context.Context, token string) (Session, error) {
	return d.sessionFrom(ctx, token, From{}, false)
}

// SessionFrom is SessionOf for a request whose network is known, and which has
// to be signed by the key that the session is bound to, if it is. A session that
// turns up in another network than its own is written down once per network as
// the event "moved", and counts there only while that network is not blocked.
func (d *Directory) SessionFrom(ctx context.Context, token string, from From) (s Session, err error) {
	return d.sessionFrom(ctx, token, from, true)
}

func (d *Directory) sessionFrom(ctx context.Context, token string, from From, bound bool) (s Session, err error) {
	if len(token) > 100 || strings.TrimSpace(token) == "" {
		return s, denied(KeySignedOut, "there is no such session")
	}
	hash := hashToken(token)
	from = from.bounded()
	var touch, moved bool
	err = d.db.View(ctx, func(tx *db.Tx) error {
		var seen time.Time
		var err error
		s, seen, err = d.aliveSeen(tx, "s.token_hash = ?1", hash)
		if err != nil {
			return err
		}
		touch = d.now().Sub(seen) >= touchEvery
		if from.Network == "" || from.Network == s.Network {
			return nil
		}
		var one int
		err = tx.Row("SELECT 1 FROM staff_session_network WHERE session = ?1 AND network = ?2", db.Args(s.ID, from.Network), &one)
		if errors.Is(err, db.ErrNoRows) {
			moved, err = true, nil
		}
		return err
	})
	if err == nil && bound && s.Device != "" {
		err = d.signed(ctx, s, token, from)
	}
	if err != nil {
		return Session{}, err
	}
	if !touch && !moved {
		return s, nil
	}
	err = d.db.Update(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec("UPDATE staff_session SET seen = ?2 WHERE id = ?1 AND seen < ?2", s.ID, millis(d.now())); err != nil || !moved {
			return err
		}
		n, err := tx.Exec("INSERT INTO staff_session_network (session, network, at) VALUES (?1, ?2, ?3) ON CONFLICT (session, network) DO NOTHING",
			s.ID, from.Network, millis(d.now()))
		if err != nil || n == 0 {
			return err
		}
		return d.event(tx, Event{At: d.now(), Staff: s.Staff, Organisation: s.Organisation, Credential: s.Credential, Session: s.ID,
			Network: from.Network, Agent: from.Agent, Method: methodSession, Result: resultMoved})
	})
	if err != nil || !moved {
		return s, err
	}
	err = d.db.View(ctx, func(tx *db.Tx) error {
		s, err = d.alive(tx, "s.id = ?1", s.ID)
		return err
	})
	return s, err
}

// End ends a session: signing out.
func (d *Directory) End(ctx context.Context, id postern.SessionID) error {
	return d.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.Lock(containment); err != nil {
			return err
		}
		_, err := d.EndSessionTx(tx, id, d.now())
		return err
	})
}
