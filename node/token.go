package node

import (
	"context"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
)

// TokenIn asks for an API token, or names the one to end or the member whose
// tokens to list.
type TokenIn struct {
	Login  string   `json:"login"`
	Label  string   `json:"label"`
	Scopes []string `json:"scopes"`
	Days   int      `json:"days"`
	Token  string   `json:"token"` // its credential, its mark or the secret itself
}

// TokenOut is an API token as the command line shows one.
type TokenOut struct {
	Credential postern.CredentialID `json:"credential"`
	Mark       string               `json:"mark"`
	Login      string               `json:"login"`
	Label      string               `json:"label"`
	Scopes     []string             `json:"scopes"`
	Expires    time.Time            `json:"expires,omitzero"`
	LastUsed   time.Time            `json:"last_used,omitzero"`
	Ended      time.Time            `json:"ended,omitzero"`
	MadeBy     string               `json:"made_by,omitempty"` // a login; empty: the operator
	Secret     string               `json:"secret,omitempty"`  // shown once
}

func tokenOut(t staff.Token, logins map[postern.StaffID]string) TokenOut {
	return TokenOut{Credential: t.Credential, Mark: t.Mark, Login: logins[t.Staff], Label: t.Label, Scopes: t.Scopes, Expires: t.Expires,
		LastUsed: t.LastUsed, Ended: t.EndedAt, MadeBy: logins[t.MadeBy]}
}

func newToken(ctx context.Context, n *Node, in TokenIn, _ report) (TokenOut, error) {
	m, err := n.Staff.ByLogin(ctx, in.Login)
	if err != nil {
		return TokenOut{}, err
	}
	secret, t, err := n.Staff.IssueToken(ctx, m.ID, in.Label, in.Scopes, time.Duration(in.Days)*24*time.Hour)
	if err != nil {
		return TokenOut{}, err
	}
	out := tokenOut(t, map[postern.StaffID]string{m.ID: m.Login})
	out.Secret = secret
	return out, nil
}

func listTokens(ctx context.Context, n *Node, in TokenIn, _ report) ([]TokenOut, error) {
	var of postern.StaffID
	members, err := n.Staff.Members(ctx)
	if err != nil {
		return nil, err
	}
	logins := map[postern.StaffID]string{}
	for _, m := range members {
		logins[m.ID] = m.Login
	}
	if in.Login != "" {
		m, err := n.Staff.ByLogin(ctx, in.Login)
		if err != nil {
			return nil, err
		}
		of = m.ID
	}
	all, err := n.Staff.Tokens(ctx, of)
	list := []TokenOut{}
	for _, t := range all {
		list = append(list, tokenOut(t, logins))
	}
	return list, err
}

func endToken(ctx context.Context, n *Node, in TokenIn, _ report) (TokenOut, error) {
	t, ended, err := n.Staff.EndToken(ctx, in.Token)
	if err == nil { // its own session too when it had ended before: what hangs on it may not have
		err = n.Gate.EndSessions(ctx, append(ended, t.Session)...)
	}
	return TokenOut{Credential: t.Credential, Ended: t.EndedAt}, err
}
