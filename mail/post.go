package mail

import (
	"context"
	"slices"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/store"
)

// Post puts a message of the house's own into the INBOX of each of these
// accounts, all or none, in one transaction. No rule moves or forwards it, a full
// mailbox takes it, and an account that holds one of the same Message-ID has it
// already.
func (m *Mail) Post(ctx context.Context, to []postern.AccountID, raw [][]byte) error {
	in := make([]store.AppendIn, len(raw))
	for i := range raw {
		in[i] = store.AppendIn{Role: store.RoleInbox, Raw: raw[i], House: true}
	}
	return m.store.PostAll(ctx, to, in)
}

// Seen says whether the owner of an account has looked at the message of this
// Message-ID. One that is gone was not looked at, as far as anybody can tell.
func (m *Mail) Seen(ctx context.Context, acc postern.AccountID, messageID string) (bool, error) {
	held, err := m.Find(ctx, acc, postern.Scope{Query: "id:" + messageID, Limit: 1})
	if err != nil || len(held) == 0 {
		return false, err
	}
	known, err := m.store.Summaries(ctx, acc, held)
	if err != nil {
		return false, err
	}
	return slices.Contains(known[held[0]].Flags, store.Seen), nil
}
