package staff

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// party sets up the relying party. Discoverable credentials, so that nobody
// types a login; user verification, so that a found security key is no way in.
func party(p Parts) (*webauthn.WebAuthn, error) {
	required := true
	return webauthn.New(&webauthn.Config{
		RPID: p.RPID, RPDisplayName: p.RPName, RPOrigins: p.Origins,
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: &required,
			UserVerification: protocol.VerificationRequired,
		},
	})
}

// person is a member as the library wants one.
type person struct {
	m    Member
	keys []webauthn.Credential
}

func (p person) WebAuthnID() []byte                         { return handle(p.m.ID) }
func (p person) WebAuthnName() string                       { return p.m.Login }
func (p person) WebAuthnDisplayName() string                { return p.m.Name }
func (p person) WebAuthnCredentials() []webauthn.Credential { return p.keys }

// handle is the user handle (WebAuthn Level 3, 5.4.3): the 16 random bytes of
// the member's ID, which tell nobody who it is.
func handle(id postern.StaffID) []byte {
	b, err := hex.DecodeString(string(id))
	if err != nil {
		return []byte(id)
	}
	return b
}

var errNoPasskeys = &postern.Error{Kind: postern.Unavailable, Key: "staff.unavailable.passkeys", Text: "passkeys are not set up here"}

// Registrant says who registers a passkey: the holder of an invitation, or of a
// session that counts.
type Registrant struct {
	Invite  string
	Session postern.SessionID
}

// BeginRegistration opens a ceremony: options is the JSON for the browser's
// navigator.credentials.create, state comes back to FinishRegistration.
func (d *Directory) BeginRegistration(ctx context.Context, who Registrant) (options []byte, state string, err error) {
	if d.party == nil {
		return nil, "", errNoPasskeys
	}
	c := ceremony{Kind: "register", Session: who.Session, Expires: millis(d.now().Add(CeremonyLife))}
	if who.Invite != "" {
		c.Invite, c.Session = hashToken(who.Invite), ""
	}
	var p person
	err = d.db.View(ctx, func(tx *db.Tx) error {
		if p.m, err = d.registrant(tx, c); err != nil {
			return err
		}
		p.keys, err = keysOf(tx, "c.staff = ?1", p.m.ID, nil)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	exclude := make([]protocol.CredentialDescriptor, len(p.keys))
	for i, k := range p.keys {
		exclude[i] = k.Descriptor()
	}
	creation, data, err := d.party.BeginRegistration(p, webauthn.WithExclusions(exclude))
	if err != nil {
		return nil, "", fmt.Errorf("couldn't begin the registration: %w", err)
	}
	c.Staff, c.Data = p.m.ID, *data
	return d.hand(creation, c)
}

func (d *Directory) hand(challenge any, c ceremony) (options []byte, state string, err error) {
	if options, err = json.Marshal(challenge); err != nil {
		return nil, "", err
	}
	state, err = d.seal(c)
	return options, state, err
}

// registrant gives the member who registers, if the invitation or the session
// still counts.
func (d *Directory) registrant(tx *db.Tx, c ceremony) (Member, error) {
	if c.Invite != nil {
		return d.invited(tx, c.Invite)
	}
	s, err := d.Alive(tx, c.Session)
	if err != nil {
		return Member{}, err
	}
	return memberIn(tx, s.Staff)
}

// FinishRegistration takes the browser's answer and stores the passkey. An
// invitation is used up by it.
func (d *Directory) FinishRegistration(ctx context.Context, state string, body []byte, label string) (postern.CredentialID, error) {
	if d.party == nil {
		return "", errNoPasskeys
	}
	c, err := d.unseal(state, "register")
	if err != nil {
		return "", err
	}
	if len(body) > maxBody {
		return "", errNotAccepted(errors.New("the answer is too long"))
	}
	answer, err := protocol.ParseCredentialCreationResponseBytes(body)
	if err != nil {
		return "", errNotAccepted(err)
	}
	id := postern.CredentialID(postern.NewID())
	err = d.db.Update(ctx, func(tx *db.Tx) error {
		m, err := d.registrant(tx, c)
		if err != nil {
			return err
		}
		if m.ID != c.Staff {
			return errCeremony
		}
		key, err := d.party.CreateCredential(person{m: m}, c.Data, answer)
		if err != nil {
			return errNotAccepted(err)
		}
		if err := d.answered(tx, c); err != nil {
			return err
		}
		if c.Invite != nil {
			n, err := tx.Exec("UPDATE staff_invite SET used_at = ?2 WHERE token_hash = ?1 AND used_at IS NULL", c.Invite, millis(d.now()))
			if err == nil && n == 0 {
				err = errInvitation // somebody was first since it was read
			}
			if err != nil {
				return err
			}
		}
		return d.storeKey(tx, id, m.ID, key, boundLabel(label))
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

func boundLabel(label string) string {
	label = strings.Join(strings.Fields(strings.ToValidUTF8(label, "")), " ")
	if r := []rune(label); len(r) > 60 {
		label = string(r[:60])
	}
	return label
}

// answered takes a challenge's one answer.
func (d *Directory) answered(tx *db.Tx, c ceremony) error {
	h := sha256.Sum256([]byte(c.Data.Challenge))
	if _, err := tx.Exec("DELETE FROM staff_answered WHERE expires < ?1", millis(d.now())); err != nil {
		return err
	}
	n, err := tx.Exec("INSERT INTO staff_answered (challenge, expires) VALUES (?1, ?2) ON CONFLICT (challenge) DO NOTHING", h[:], c.Expires)
	if err == nil && n == 0 {
		err = errCeremony
	}
	return err
}

// BeginLogin opens a ceremony for whoever holds a passkey: options is the JSON
// for navigator.credentials.get. It writes nothing.
func (d *Directory) BeginLogin(ctx context.Context) (options []byte, state string, err error) {
	if d.party == nil {
		return nil, "", errNoPasskeys
	}
	assertion, data, err := d.party.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, "", fmt.Errorf("couldn't begin the sign-in: %w", err)
	}
	return d.hand(assertion, ceremony{Kind: "login", Expires: millis(d.now().Add(CeremonyLife)), Data: *data})
}

// FinishLogin takes the browser's answer and makes a session.
func (d *Directory) FinishLogin(ctx context.Context, state string, body []byte, from From) (token string, s Session, err error) {
	if d.party == nil {
		return "", Session{}, errNoPasskeys
	}
	c, err := d.unseal(state, "login")
	if err != nil {
		return "", Session{}, err
	}
	if len(body) > maxBody {
		return "", Session{}, errNotAccepted(errors.New("the answer is too long"))
	}
	answer, err := protocol.ParseCredentialRequestResponseBytes(body)
	if err != nil {
		return "", Session{}, errNotAccepted(err)
	}
	if from, err = d.proven(from); err != nil {
		return "", Session{}, err
	}
	stored, err := d.keyOf(ctx, answer.RawID, from)
	if err != nil {
		return "", Session{}, err
	}
	e := Event{At: d.now(), Staff: stored.m.ID, Organisation: stored.m.Organisation, Credential: stored.id,
		Network: from.Network, Agent: from.Agent, Method: methodPasskey, Result: resultWrong}
	_, key, err := d.party.ValidatePasskeyLogin(func(_, _ []byte) (webauthn.User, error) {
		return person{stored.m, stored.keys}, nil // the library compares the handle
	}, c.Data, answer)
	if err != nil {
		return "", Session{}, errors.Join(errNotAccepted(err), d.note(ctx, e))
	}
	if key.Authenticator.CloneWarning {
		// WebAuthn Level 3, 6.1.1 leaves it to us. At this door a copy of a
		// key is a stolen one until somebody has looked.
		e.Result = resultCloned
		return "", Session{}, errors.Join(denied(KeyCloned, "the passkey's counter went backwards: there may be a copy of it"), d.note(ctx, e))
	}
	token, fresh := newToken()
	err = d.db.Update(ctx, func(tx *db.Tx) error {
		if err := d.answered(tx, c); err != nil {
			return err
		}
		if err := d.used(tx, stored.id, key); err != nil {
			return err
		}
		s, err = d.begin(tx, fresh, stored.id, from, methodPasskey)
		return err
	})
	if refusal(err) != "" {
		e.Result = resultRefused
		return "", Session{}, errors.Join(err, d.note(ctx, e))
	}
	if err != nil {
		return "", Session{}, err
	}
	return token, s, nil
}

// The keys of a passkey's refusals.
const (
	KeyPasskey = "staff.refused.passkey"
	KeyCloned  = "staff.refused.passkey-cloned"
)

func errNotAccepted(err error) error {
	return &postern.Error{Kind: postern.Denied, Key: KeyPasskey, Text: "the passkey was not accepted", Err: err}
}
