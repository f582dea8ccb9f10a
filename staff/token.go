package staff

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/staff/secret"
)

// What an API token may be allowed. Each also needs the role of the member
// that the token is of: a scope takes away, and never gives.
const (
	ScopeCasesRead       = "cases:read"
	ScopeCasesWrite      = "cases:write"
	ScopeAccountRead     = "account:read"
	ScopeGateAsk         = "gate:ask"
	ScopeGateApprove     = "gate:approve"
	ScopeGateReveal      = "gate:reveal"
	ScopeResponseRead    = "response:read"
	ScopeResponseContain = "response:contain"
	ScopeLedgerRead      = "ledger:read"
	ScopeGateHold        = "gate:hold"
	ScopeGateHistory     = "gate:history"
	ScopeResponseWrite   = "response:write"
	ScopeTokensRead      = "tokens:read" // those of the same member
	ScopeSCIM            = "scim"        // manages the members of the token's organisation
)

// Scopes lists them.
var Scopes = [...]string{ScopeCasesRead, ScopeCasesWrite, ScopeAccountRead, ScopeGateAsk, ScopeGateApprove, ScopeGateReveal,
	ScopeGateHold, ScopeGateHistory, ScopeResponseRead, ScopeResponseWrite, ScopeResponseContain, ScopeLedgerRead, ScopeTokensRead, ScopeSCIM}

// May says whether the session may do what a scope names. A person's session
// may do all that the person's roles allow.
func (s Session) May(scope string) bool { return s.Scopes == nil || slices.Contains(s.Scopes, scope) }

// TokenLife is the longest life of an API token.
const TokenLife = 365 * 24 * time.Hour

// TokenProof is how recently an admin must have proved to be there to make a
// token: a token outlives the session it is made in, and what outlives a stolen
// session is what a thief wants of it.
const TokenProof = 15 * time.Minute

// Token is an API token without its secret.
type Token struct {
	Credential postern.CredentialID
	Session    postern.SessionID
	Staff      postern.StaffID
	Label      string
	Scopes     []string
	// Mark is the start of the SHA-256 of the secret: whoever finds a secret can
	// tell with sha256sum which token it is.
	Mark              string
	Created, Expires  time.Time
	LastUsed, EndedAt time.Time       // zero: never
	MadeBy            postern.StaffID // empty: the operator, on the machine
}

// NewToken makes an API token of a member for an admin, who is a person that
// has proved to be there of late: of the provider, or of the member's own
// organisation. The secret is given here and never again. When the credential
// that the admin used is contained, the tokens made with it are ended too.
func (d *Directory) NewToken(ctx context.Context, by Session, member postern.StaffID, label string, scopes []string, life time.Duration) (text string, t Token, err error) {
	m, err := d.ByID(ctx, member)
	if err != nil {
		return "", Token{}, err
	}
	proved := by.Proved
	if proved.IsZero() {
		proved = by.Created
	}
	switch {
	case by.Scopes != nil:
		return "", Token{}, denied(KeyTokenMakes, "an API token can't make another")
	case !by.Is(Admin), by.Organisation != m.Organisation && by.OrganisationKind != "provider":
		return "", Token{}, denied(KeyTokenAdmin, "only an admin of the provider or of the member's organisation makes API tokens")
	case d.now().Sub(proved) > TokenProof:
		return "", Token{}, denied(KeyTokenProof, "prove again who you are before making an API token")
	}
	return d.issue(ctx, &by, m, label, scopes, life)
}

// IssueToken makes an API token for whoever runs the machine; nothing but the
// command line calls it.
func (d *Directory) IssueToken(ctx context.Context, member postern.StaffID, label string, scopes []string, life time.Duration) (text string, t Token, err error) {
	m, err := d.ByID(ctx, member)
	if err != nil {
		return "", Token{}, err
	}
	return d.issue(ctx, nil, m, label, scopes, life)
}

// The keys of refusals to make a token.
const (
	KeyTokenMakes = "staff.refused.token-makes-token"
	KeyTokenAdmin = "staff.refused.token-admin"
	KeyTokenProof = "staff.refused.token-proof"
)

func (d *Directory) issue(ctx context.Context, by *Session, m Member, label string, scopes []string, life time.Duration) (text string, t Token, err error) {
	label = strings.TrimSpace(label)
	switch {
	case label == "" || len(label) > 100 || !utf8.ValidString(label) || strings.ContainsFunc(label, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", t, invalid("staff.invalid.token-label", "give the token a label of at most 100 bytes that says what it is for")
	case life < time.Minute || life > TokenLife:
		return "", t, invalid("staff.invalid.token-life", "an API token lives for a minute at least and a year at most")
	case len(scopes) == 0:
		return "", t, invalid("staff.invalid.token-scopes", "give the token at least one scope")
	}
	for _, s := range scopes {
		if !slices.Contains(Scopes[:], s) {
			return "", t, invalid("staff.invalid.token-scopes", fmt.Sprintf("there is no scope %q: the scopes are %s", s, strings.Join(Scopes[:], ", ")))
		}
	}
	scopes = slices.Compact(slices.Sorted(slices.Values(scopes)))
	now := d.now()
	text = secret.New()
	mark, hash := secret.Hash(text)
	t = Token{Credential: postern.CredentialID(postern.NewID()), Session: postern.SessionID(postern.NewID()), Staff: m.ID, Label: label,
		Scopes: scopes, Mark: mark, Created: moment(millis(now)), Expires: moment(millis(now.Add(life)))}
	var madeWith postern.CredentialID
	if by != nil {
		t.MadeBy, madeWith = by.Staff, by.Credential
	}
	nobodys := make([]byte, sha256.Size)
	rand.Read(nobodys)
	err = d.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.LockShared(containment); err != nil {
			return err
		}
		if by != nil {
			if _, err := d.Alive(tx, by.ID); err != nil {
				return err
			}
		}
		if _, err := tx.Exec("INSERT INTO staff_credential (id, staff, kind, label, created) VALUES (?1, ?2, 'token', ?3, ?4)",
			t.Credential, m.ID, label, millis(now)); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO staff_session (id, token_hash, staff, credential, organisation, network, agent, created, expires, seen)
			VALUES (?1, ?2, ?3, ?4, ?5, '', '', ?6, ?7, ?6)`, t.Session, nobodys, m.ID, t.Credential, m.Organisation, millis(now), millis(t.Expires)); err != nil {
			return err
		}
		if _, err := tx.Exec("INSERT INTO staff_token (session, credential, mark, hash, scopes, made_by, made_with) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
			t.Session, t.Credential, mark, hash, strings.Join(scopes, " "), t.MadeBy, madeWith); err != nil {
			return err
		}
		// Nobody gets a token that would be refused.
		if _, err := d.Alive(tx, t.Session); err != nil {
			return err
		}
		return d.event(tx, Event{At: now, Staff: m.ID, Organisation: m.Organisation, Credential: t.Credential, Session: t.Session,
			Method: methodToken, Result: resultMade})
	})
	if err != nil {
		return "", Token{}, fmt.Errorf("couldn't make the token: %w", err)
	}
	return text, t, nil
}
