package staff

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Identity is what another provider says of who is signing in, verified
// (OpenID Connect Core, 2).
type Identity struct {
	Issuer, Subject string
	SID             string // the provider's name for its session, for its logout
	Organisation    postern.OrganisationID
	Login           string    // what the organisation's config takes for the login; empty: none
	Email           string    // verified, and in a domain of the organisation's; empty: none
	Name, Locale    string    // for who joins
	Join            bool      // the provider may bring new members
	AuthTime        time.Time // when the member proved to be there
	Context         string    // acr and amr, as they were said
}

// KeyNobody refuses who is somebody to the provider and nobody here.
const KeyNobody = "staff.refused.no-such-member"

// SignInIdentity signs in whom a provider vouches for. The first time it finds
// the member by the directory's external id, the login or the address, and links
// the two for good; the link is a credential of kind "oidc", which can be ended
// like any other, whatever the provider goes on saying.
func (d *Directory) SignInIdentity(ctx context.Context, i Identity, from From) (token string, s Session, err error) {
	if i.Issuer == "" || i.Subject == "" || len(i.Subject) > 255 || i.AuthTime.IsZero() {
		return "", s, invalid("staff.invalid.identity", "the provider's answer names nobody, or no time")
	}
	token, fresh := newToken()
	refused := Event{}
	err = d.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.Lock("staff members"); err != nil {
			return err
		}
		c, err := d.linked(tx, i)
		if err != nil {
			return err
		}
		// After the lookup, so that a refusal's event can name the credential.
		refused = Event{Credential: c}
		if err := unblocked(tx, from.bounded()); err != nil {
			return err
		}
		if s, err = d.begin(tx, fresh, c, from, methodOIDC); err != nil {
			return err
		}
		if s.Organisation != i.Organisation {
			return denied(KeyNobody, "the member is of another organisation than the provider")
		}
		if _, err := tx.Exec("INSERT INTO staff_link_session (session, issuer, subject, sid, context) VALUES (?1, ?2, ?3, ?4, ?5)",
			s.ID, i.Issuer, i.Subject, i.SID, cut(i.Context)); err != nil {
			return err
		}
		// Back to when the provider saw the member: a sign-in without a question
		// there proves nothing new.
		if _, err := tx.Exec("UPDATE staff_session SET proved = ?2 WHERE id = ?1", s.ID, d.notAfterNow(i.AuthTime)); err != nil {
			return err
		}
		s, err = d.Alive(tx, s.ID)
		return err
	})
	if refusal(err) != "" {
		from = from.bounded()
		e := Event{At: d.now(), Organisation: i.Organisation, Credential: refused.Credential, Network: from.Network, Agent: from.Agent, Method: methodOIDC, Result: resultRefused}
		return "", Session{}, errors.Join(err, d.note(ctx, e))
	}
	if err != nil {
		return "", Session{}, fmt.Errorf("couldn't sign in by a provider: %w", err)
	}
	return token, s, nil
}

func cut(text string) string {
	text = strings.ToValidUTF8(text, "")
	return text[:min(len(text), 300)]
}

// IssuerOf gives the provider that vouched for whoever signed in to a session;
// empty where none did.
func (d *Directory) IssuerOf(ctx context.Context, id postern.SessionID) (issuer string, err error) {
	err = d.db.View(ctx, func(tx *db.Tx) error {
		err := tx.Row("SELECT l.issuer FROM staff_session s JOIN staff_link l ON l.credential = s.credential WHERE s.id = ?1", db.Args(id), &issuer)
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		return err
	})
	return issuer, err
}

// ProveIdentity notes that the session's member has just proved to be there,
// before the provider that the session came of.
func (d *Directory) ProveIdentity(ctx context.Context, id postern.SessionID, i Identity, from From) (s Session, err error) {
	from = from.bounded()
	err = d.db.Update(ctx, func(tx *db.Tx) error {
		var one int
		err := tx.Row("SELECT 1 FROM staff_session s JOIN staff_link l ON l.issuer = ?2 AND l.subject = ?3 JOIN staff_credential c ON c.id = l.credential WHERE s.id = ?1 AND s.staff = c.staff AND c.ended_at IS NULL",
			db.Args(id, i.Issuer, i.Subject), &one)
		if errors.Is(err, db.ErrNoRows) {
			return denied(KeyNobody, "the provider vouches for somebody else")
		}
		if err != nil {
			return err
		}
		if _, err := d.Alive(tx, id); err != nil {
			return err
		}
		// Forward only: an older proof takes nothing from a newer one.
		if _, err := tx.Exec("UPDATE staff_session SET proved = ?2 WHERE id = ?1 AND proved < ?2", id, d.notAfterNow(i.AuthTime)); err != nil {
			return err
		}
		if s, err = d.Alive(tx, id); err != nil {
			return err
		}
		return d.event(tx, d.proofEvent(s, from, methodOIDC, resultProved))
	})
	if refusal(err) != "" {
		return Session{}, errors.Join(err, d.UnprovedIdentity(ctx, id, from))
	}
	return s, err
}

// UnprovedIdentity writes down a proof before a provider that was none.
func (d *Directory) UnprovedIdentity(ctx context.Context, id postern.SessionID, from From) error {
	from = from.bounded()
	return d.db.Update(ctx, func(tx *db.Tx) error {
		s := Session{ID: id}
		err := tx.Row("SELECT staff, organisation, credential FROM staff_session WHERE id = ?1", db.Args(id), &s.Staff, &s.Organisation, &s.Credential)
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return d.event(tx, d.proofEvent(s, from, methodOIDC, resultRefused))
	})
}

// notAfterNow keeps a provider's clock from reaching past ours; in milliseconds,
// and never 0, which would say that nothing was kept.
func (d *Directory) notAfterNow(at time.Time) int64 {
	return max(1, min(millis(at), millis(d.now())))
}

// linked gives the credential of a link, and makes it the first time.
func (d *Directory) linked(tx *db.Tx, i Identity) (c postern.CredentialID, err error) {
	err = tx.Row("SELECT credential FROM staff_link WHERE issuer = ?1 AND subject = ?2", db.Args(i.Issuer, i.Subject), &c)
	if !errors.Is(err, db.ErrNoRows) {
		return c, err
	}
	var found []postern.StaffID
	login := strings.ToLower(strings.TrimSpace(i.Login))
	if err := tx.Rows(`SELECT id FROM staff_member WHERE organisation = ?1 AND status = 'active'
		AND (external_id = ?2 OR login = ?3 AND login <> '' OR email = ?4 AND email <> '' OR login = ?4 AND login <> '') ORDER BY id`,
		db.Args(i.Organisation, i.Subject, login, strings.ToLower(i.Email)), func(row db.Scanner) error {
			var id postern.StaffID
			err := row.Scan(&id)
			found = append(found, id)
			return err
		}); err != nil {
		return "", err
	}
	switch {
	case len(found) > 1:
		return "", denied(KeyNobody, "the provider's answer fits several members")
	case len(found) == 0 && !i.Join:
		return "", denied(KeyNobody, "the provider vouches for nobody who works here")
	case len(found) == 0:
		id, err := d.joinByProvider(tx, i, login)
		if err != nil {
			return "", err
		}
		found = append(found, id)
	}
	// A second subject of one provider for one member is somebody else who was
	// given the name.
	var other postern.CredentialID
	err = tx.Row("SELECT l.credential FROM staff_link l JOIN staff_credential c ON c.id = l.credential WHERE l.issuer = ?1 AND c.staff = ?2", db.Args(i.Issuer, found[0]), &other)
	if err == nil {
		return "", denied(KeyNobody, "the member is linked to another person at the provider")
	}
	if !errors.Is(err, db.ErrNoRows) {
		return "", err
	}
	c = postern.CredentialID(postern.NewID())
	if _, err := tx.Exec("INSERT INTO staff_credential (id, staff, kind, label, created) VALUES (?1, ?2, 'oidc', ?3, ?4)", c, found[0], cut(i.Issuer), millis(d.now())); err != nil {
		return "", err
	}
	_, err = tx.Exec("INSERT INTO staff_link (issuer, subject, credential) VALUES (?1, ?2, ?3)", i.Issuer, i.Subject, c)
	return c, err
}

// joinByProvider takes on, without a role, whom nobody has announced.
func (d *Directory) joinByProvider(tx *db.Tx, i Identity, login string) (postern.StaffID, error) {
	if login == "" {
		login = strings.ToLower(i.Email)
	}
	if err := d.room(tx, i.Organisation, login); err != nil {
		return "", err
	}
	o := limits{}
	var domains string
	if err := tx.Row("SELECT kind, domains FROM staff_organisation WHERE id = ?1", db.Args(i.Organisation), &o.kind, &domains); err != nil {
		return "", err
	}
	o.domains = strings.Fields(domains)
	p, err := d.changed(tx, o, Person{Member: Member{ID: postern.StaffID(postern.NewID()), Organisation: i.Organisation, Status: "active"}},
		PersonChange{Login: &login, Name: &i.Name, Locale: &i.Locale, Email: &i.Email})
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(`INSERT INTO staff_member (id, login, name, locale, organisation, roles, status, created, email) VALUES (?1, ?2, ?3, ?4, ?5, '', 'active', ?6, ?7)`,
		p.ID, p.Login, p.Name, p.Locale, p.Organisation, millis(d.now()), p.Email)
	return p.ID, err
}

// EndIdentity ends the sessions that a provider's logout names (OpenID Connect
// Back-Channel Logout 1.0, 2.6): those of its session, or all of its subject's.
// A logout token is taken once.
func (d *Directory) EndIdentity(ctx context.Context, issuer, subject, sid, jti string, until time.Time) (ended []postern.SessionID, err error) {
	err = d.db.Update(ctx, func(tx *db.Tx) error {
		ended = nil
		if err := tx.Lock(containment); err != nil {
			return err
		}
		if _, err := tx.Exec("DELETE FROM staff_logout WHERE expires < ?1", millis(d.now())); err != nil {
			return err
		}
		n, err := tx.Exec("INSERT INTO staff_logout (issuer, jti, expires) VALUES (?1, ?2, ?3) ON CONFLICT (issuer, jti) DO NOTHING", issuer, jti, millis(until))
		if err == nil && n == 0 {
			err = invalid("staff.invalid.logout", "this logout token was taken before")
		}
		if err != nil {
			return err
		}
		var sessions []postern.SessionID
		if err := tx.Rows(`SELECT session FROM staff_link_session WHERE issuer = ?1 AND (?2 = '' OR subject = ?2) AND (?3 = '' OR sid = ?3)`,
			db.Args(issuer, subject, sid), func(row db.Scanner) error {
				var s postern.SessionID
				err := row.Scan(&s)
				sessions = append(sessions, s)
				return err
			}); err != nil {
			return err
		}
		for _, s := range sessions {
			now, err := d.EndSessionTx(tx, s, d.now())
			if err != nil {
				return err
			}
			ended = append(ended, now...)
		}
		return nil
	})
	return ended, err
}

// Seal puts a text under the directory's MAC, for what travels through a browser
// and comes back; Unseal reads it again. The purpose keeps one's from another's.
func (d *Directory) Seal(purpose string, text []byte) string {
	return base64.RawURLEncoding.EncodeToString(text) + "." + base64.RawURLEncoding.EncodeToString(d.purposeMAC(purpose, text))
}

// Unseal is the inverse of Seal: ok is false for anything else.
func (d *Directory) Unseal(purpose, sealed string) (text []byte, ok bool) {
	// encoding/base64 skips line breaks even when it is strict.
	if len(sealed) > maxState || strings.ContainsAny(sealed, "\r\n") {
		return nil, false
	}
	text64, mac64, _ := strings.Cut(sealed, ".")
	text, err := base64.RawURLEncoding.Strict().DecodeString(text64)
	if err != nil {
		return nil, false
	}
	mac, err := base64.RawURLEncoding.Strict().DecodeString(mac64)
	if err != nil || !hmac.Equal(mac, d.purposeMAC(purpose, text)) {
		return nil, false
	}
	return text, true
}

func (d *Directory) purposeMAC(purpose string, text []byte) []byte {
	h := hmac.New(sha256.New, d.key)
	h.Write([]byte("postern staff sealed\x00" + purpose + "\x00"))
	h.Write(text)
	return h.Sum(nil)
}
