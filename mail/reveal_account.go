package mail

import (
	"context"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
)

// accountFields are what the account's own rows answer.
const accountFields = postern.FieldStatus | postern.FieldQuota | postern.FieldSignIns | postern.FieldQueue | postern.FieldRules

const maxSignIns = 50

// revealAccount gives the account's part of a disclosure: no message is read
// for it.
func (m *Mail) revealAccount(ctx context.Context, r ledger.Receipt) (*postern.ShownAccount, error) {
	var s postern.ShownAccount
	a, err := m.accounts.ByID(ctx, r.Account)
	if err != nil {
		return nil, err
	}
	if r.Fields&postern.FieldStatus != 0 {
		s.Address, s.Status, s.Locale, s.Created = a.Address, a.Status, a.Locale, a.Created
	}
	if r.Fields&postern.FieldQuota != 0 {
		u, err := m.store.Usage(ctx, r.Account)
		if err != nil {
			return nil, err
		}
		s.UsedBytes, s.QuotaBytes, s.Messages = u.Bytes, u.QuotaBytes, u.Messages
	}
	if r.Fields&postern.FieldSignIns != 0 {
		if s.SignIns, err = m.accounts.SignIns(ctx, r.Account, maxSignIns); err != nil {
			return nil, err
		}
	}
	if q := m.queue.Load(); q != nil && r.Fields&postern.FieldQueue != 0 {
		if s.Queued, err = (*q).Waiting(ctx, r.Account); err != nil {
			return nil, err
		}
	}
	// FieldRules: no rule can forward mail yet, so Forwarding is false.
	return &s, nil
}
