package history_test

import (
	"context"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/history"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/password"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit/engine"
)

var ctx = context.Background()

// account is a mail plane of one message, and the one case about it.
type account struct{ message postern.MessageID }

func (a account) Find(context.Context, postern.AccountID, postern.Scope) ([]postern.MessageID, error) {
	return []postern.MessageID{a.message}, nil
}

func (a account) Reveal(context.Context, ledger.Receipt) (postern.Shown, error) {
	return postern.Shown{}, nil
}

func (a account) Check(*db.Tx, postern.CaseID, postern.AccountID) error { return nil }

func (a account) Given(*db.Tx, postern.CaseID, staff.Session) error { return nil }

func (a account) Number(*db.Tx, postern.CaseID) (int64, error) { return 1042, nil }

func TestFind(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		plane, quiet := o(open.Staff), slog.New(slog.DiscardHandler)
		at := time.Date(2026, 5, 14, 9, 0, 0, 0, time.UTC)
		now := func() time.Time { return at }
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		keys, err := ledger.NewKeys("mx.example.org/ledger")
		ok(err)
		book, err := ledger.Open(ctx, ledger.Parts{DB: plane, Keys: keys, Origin: "mx.example.org/ledger", Node: "a", Now: now, Log: quiet})
		ok(err)
		people, err := staff.Open(ctx, staff.Parts{DB: plane, Now: now, Log: quiet, Cost: password.Cheap()})
		ok(err)
		ok(people.CreateOrganisation(ctx, staff.Organisation{ID: "provider", Name: "Outlook Example", Kind: "provider"}))
		ok(people.CreateOrganisation(ctx, staff.Organisation{ID: "helpline", Name: "Helpline", Kind: "outsourcer"}))
		mail := account{postern.MessageID(postern.NewID())}
		g, err := gate.Open(ctx, gate.Parts{DB: plane, Ledger: book, Staff: people, Mailboxes: mail, Cases: mail, Policy: policy.Default(), Now: now, Log: quiet, Node: "a"})
		ok(err)
		h := history.New(history.Parts{DB: plane, Gate: g, Ledger: book, Staff: people})
		signIn := func(of postern.OrganisationID, login string, roles ...staff.Role) staff.Session {
			m, err := people.CreateMember(ctx, staff.NewMember{Login: login, Name: "Name of " + login, Locale: "en", Organisation: of, Roles: roles})
			ok(err)
			_, otpauth, err := people.SetPassword(ctx, m.ID, "a pass phrase")
			ok(err)
			u, err := url.Parse(otpauth)
			ok(err)
			code, err := totp.GenerateCode(u.Query().Get("secret"), at)
			ok(err)
			_, s, err := people.SignInPassword(ctx, login, "a pass phrase", code, staff.From{Network: "203.0.113.0/24"})
			ok(err)
			return s
		}
		noor, piet, mona := signIn("provider", "noor", staff.Agent), signIn("helpline", "piet", staff.Agent), signIn("provider", "mona", staff.Auditor)
		olga := signIn("helpline", "olga", staff.Approver)
		a, c := postern.AccountID(postern.NewID()), postern.CaseID(postern.NewID())
		asked := func(by staff.Session, tier postern.Tier, sentence string) gate.Request {
			at = at.Add(time.Minute)
			scope := postern.Scope{Mailbox: "INBOX"}
			if tier == postern.TierAccount {
				scope = postern.Scope{}
			}
			r, err := g.Ask(ctx, by, gate.Ask{Case: c, Account: a, Tier: tier, Scope: scope, Reason: postern.ReasonSupport, Sentence: sentence})
			ok(err)
			return r
		}
		granted := asked(noor, postern.TierAccount, "You said that 100% of your mail is gone.")
		for range 2 {
			d, err := g.Reveal(ctx, noor, gate.Want{Grant: granted.Grant, Tier: postern.TierAccount})
			ok(err)
			d.Done()
		}
		asked(noor, postern.TierContent, "To see the bank's letter.")
		declined := asked(piet, postern.TierEnvelope, "To find the bank's letter.")
		ok(g.Decline(ctx, a, declined.ID, "No."))
		at = at.Add(time.Minute)
		if _, err := g.Reveal(ctx, piet, gate.Want{Grant: granted.Grant, Tier: postern.TierAccount}); err == nil {
			t.Fatal("another's grant was used")
		}

		for name, one := range map[string]struct {
			by   staff.Session
			f    history.Filter
			want int
		}{
			"an auditor sees everything": {mona, history.Filter{}, 4}, "an agent sees their own": {noor, history.Filter{}, 2}, "and not by asking for others": {noor, history.Filter{Staff: piet.Staff}, 2},
			"granted": {mona, history.Filter{Outcome: gate.Granted}, 1}, "declined": {mona, history.Filter{Outcome: gate.Refused}, 1}, "denied": {mona, history.Filter{Outcome: history.Denied}, 1},
			"by words": {mona, history.Filter{Words: "BANK'S letter"}, 2}, "a sign is no pattern": {mona, history.Filter{Words: "100%"}, 1}, "nothing like it": {mona, history.Filter{Words: "1_0"}, 0},
			"by tier": {mona, history.Filter{Tier: postern.TierContent}, 1}, "by reason": {mona, history.Filter{Reason: postern.ReasonLegal}, 0}, "by name": {mona, history.Filter{Name: "PIET"}, 2},
			"an outsourcer's approver sees what theirs did": {olga, history.Filter{}, 2}, "and not by asking for the provider's": {olga, history.Filter{Staff: noor.Staff}, 0},
			"another account": {mona, history.Filter{Account: "other"}, 0}, "by case": {mona, history.Filter{Case: c}, 4},
			"until": {mona, history.Filter{Until: time.Date(2026, 5, 14, 9, 2, 0, 0, time.UTC)}, 1}, "since": {mona, history.Filter{Since: at}, 1},
		} {
			found, next, err := h.Find(ctx, one.by, one.f)
			if err != nil || len(found) != one.want || next != "" {
				t.Errorf("%s: %d entries and %q, want %d, %v", name, len(found), next, one.want, err)
			}
		}

		// Request and what was done stand together.
		found, _, err := h.Find(ctx, mona, history.Filter{Outcome: gate.Granted})
		ok(err)
		if e := found[0]; e.Grant == nil || len(e.Done) != 2 || e.Done[0].Tier != postern.TierAccount || e.Done[0].Fields == 0 {
			t.Errorf("beside the request stands %+v", found[0])
		}
		// Asking must not tell what a mailbox holds.
		found, _, err = h.Find(ctx, noor, history.Filter{Outcome: gate.Waiting})
		ok(err)
		if len(found) != 1 || found[0].Request.Messages != nil {
			t.Errorf("the asker reads what was found: %+v", found)
		}
		// Pages do not move when something new comes.
		var seen []string
		f := history.Filter{Limit: 1}
		for page := 0; ; page++ {
			found, next, err := h.Find(ctx, mona, f)
			ok(err)
			for _, e := range found {
				seen = append(seen, e.Cursor)
			}
			if page == 1 {
				asked(noor, postern.TierAccount, "Later.")
			}
			if f.After = next; next == "" {
				break
			}
		}
		if len(seen) != 4 {
			t.Errorf("paged through %q", seen)
		}
		for _, bad := range []string{"x", "1", "1-2", "-"} {
			if _, _, err := h.Find(ctx, mona, history.Filter{After: bad}); postern.KindOf(err) != postern.Invalid {
				t.Errorf("cursor %q: %v", bad, err)
			}
		}
	})
}
