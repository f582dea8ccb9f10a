package mail

import (
	"context"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/store"
)

// Guarded gives those of an account's messages that reset a password or carry a
// code: that they do, and nothing of what they say. What is gone by now is left
// out.
func (m *Mail) Guarded(ctx context.Context, acc postern.AccountID, ids []postern.MessageID) ([]postern.MessageID, error) {
	var found []postern.MessageID
	for _, id := range ids {
		places, err := m.store.Places(ctx, acc, id, store.Identity)
		if postern.KindOf(err) == postern.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		if places[0].Guarded {
			found = append(found, id)
		}
	}
	return found, nil
}
