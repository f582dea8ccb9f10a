package mail

import (
	"context"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/mail/rules"
)

// accountFields are what the account's own rows answer.
const accountFields = postern.FieldStatus | postern.FieldQuota | postern.FieldSignIns | postern.FieldQueue | postern.FieldRules | postern.FieldRuleTargets

const (
	maxSignIns    = 50
	bouncedWithin = 7 * 24 * time.Hour // of postern.ShownAccount.Bounced
)

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
	if r.Fields&postern.FieldQueue != 0 {
		if q := m.queue.Load(); q != nil {
			if s.Queued, err = (*q).Waiting(ctx, r.Account); err != nil {
				return nil, err
			}
		}
		if s.Bounced, err = m.store.CountTraces(ctx, r.Account, store.EventBounced, m.now().Add(-bouncedWithin)); err != nil {
			return nil, err
		}
	}
	if r.Fields&(postern.FieldRules|postern.FieldRuleTargets) != 0 {
		if err := m.revealRules(ctx, r, &s); err != nil {
			return nil, err
		}
	}
	return &s, nil
}

// revealRules says that rules exist, and with FieldRuleTargets what they do.
func (m *Mail) revealRules(ctx context.Context, r ledger.Receipt, s *postern.ShownAccount) error {
	list, err := m.rules.Of(ctx, r.Account)
	if err != nil {
		return err
	}
	names := map[string]string{}
	if r.Fields&postern.FieldRuleTargets != 0 {
		all, err := m.store.Mailboxes(ctx, r.Account)
		if err != nil {
			return err
		}
		for _, mb := range all {
			names[string(mb.ID)] = mb.Name
		}
	}
	for _, one := range list {
		if !one.Active {
			continue
		}
		if r.Fields&postern.FieldRules != 0 {
			s.Filters++
			s.Forwarding = s.Forwarding || len(one.Forwards()) > 0
		}
		if r.Fields&postern.FieldRuleTargets == 0 {
			continue
		}
		for _, a := range one.Actions {
			shown := postern.ShownRule{When: one.When(), Does: a.Kind, Target: a.Target}
			if a.Kind == rules.File {
				shown.Target = names[a.Target]
			}
			s.Rules = append(s.Rules, shown)
		}
	}
	return nil
}
