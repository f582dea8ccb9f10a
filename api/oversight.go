package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
)

// Policy is the policy in force, in plain words.
type Policy struct {
	Name  string       `json:"name"`
	Tiers []PolicyTier `json:"tiers"`
	Text  string       `json:"text" doc:"All of it as paragraphs, emergency access too."`
}

// PolicyTier says what holds at one tier.
type PolicyTier struct {
	Organisation string   `json:"organisation,omitempty" doc:"Left out: for everybody."`
	Tier         string   `json:"tier"`
	Says         []string `json:"says"`
}

// Proof is what an auditor takes away of one disclosure.
type Proof struct {
	Inclusion string `json:"inclusion" doc:"That its leaf is in the log: postern verify reads it."`
	Record    string `json:"record,omitempty" doc:"The leaf opened: what was recorded. Left out once the account is erased."`
}

// Token is an API token without its secret.
type Token struct {
	Credential postern.CredentialID `json:"credential"`
	Session    postern.SessionID    `json:"session"`
	Label      string               `json:"label"`
	Scopes     []string             `json:"scopes"`
	Mark       string               `json:"mark" doc:"The start of the SHA-256 of its secret."`
	Created    time.Time            `json:"created"`
	Expires    time.Time            `json:"expires"`
	LastUsed   *time.Time           `json:"last_used,omitempty"`
	Ended      *time.Time           `json:"ended,omitempty"`
	This       bool                 `json:"this" doc:"It is the one that asks."`
}

func (r rooms) oversightOperations(api huma.API) {
	answers(r, api, staff.ScopeLedgerRead, operationOf("ledger", "get-policy", "GET", "/policy", "The policy in force, in plain words"),
		func(_ context.Context, s staff.Session, in *struct {
			Language string `query:"language" enum:"en,fr" default:"en"`
		}) (Policy, error) {
			if err := oversees(s); err != nil {
				return Policy{}, err
			}
			p := r.Gate.Policy()
			out := Policy{Name: p.Name, Text: p.Text(in.Language)}
			for _, l := range p.Explain(in.Language) {
				out.Tiers = append(out.Tiers, PolicyTier(l))
			}
			return out, nil
		})
	answers(r, api, staff.ScopeLedgerRead, operationOf("ledger", "prove-disclosure", "GET", "/disclosures/{id}/proof", "That a disclosure is in the log, and its record"),
		func(ctx context.Context, s staff.Session, in *struct {
			ID postern.DisclosureID `path:"id" maxLength:"32"`
		}) (Proof, error) {
			if err := oversees(s); err != nil {
				return Proof{}, err
			}
			inclusion, err := r.Ledger.InclusionFile(ctx, in.ID)
			if err != nil {
				return Proof{}, err
			}
			record, err := r.Ledger.RecordFile(ctx, in.ID)
			if postern.KindOf(err) == postern.NotFound { // erased since: that it was made can still be proved
				err = nil
			}
			return Proof{Inclusion: string(inclusion), Record: string(record)}, err
		})
	answers(r, api, staff.ScopeTokensRead, operationOf("tokens", "list-tokens", "GET", "/tokens", "The tokens of this token's member, ended ones too, newest first"),
		func(ctx context.Context, s staff.Session, _ *struct{}) (list[Token], error) {
			all, err := r.Staff.Tokens(ctx, s.Staff)
			return mapped(all, func(t staff.Token) Token {
				return Token{Credential: t.Credential, Session: t.Session, Label: t.Label, Scopes: t.Scopes, Mark: t.Mark, Created: t.Created, Expires: t.Expires,
					LastUsed: when(t.LastUsed), Ended: when(t.EndedAt), This: t.Session == s.ID}
			}), err
		})
}

// oversees says whether a session may read everybody's disclosures.
func oversees(s staff.Session) error {
	if !s.Is(staff.Responder) && !s.Is(staff.Auditor) {
		return &postern.Error{Kind: postern.Denied, Key: gate.RefusedNotResponder, Text: "this token's member is neither a responder nor an auditor"}
	}
	return nil
}
