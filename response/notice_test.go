package response_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/notify"
	"github.com/postern-mail/postern/response/scope"
	"github.com/postern-mail/postern/staff"
)

// breach is an incident up to its scope: ana's list and one text, bob's list,
// cleo's account; dan is nobody's victim.
type breach struct {
	lea, max       staff.Session
	incident       incident.Incident
	ana, bob, cleo postern.AccountID
	dan            postern.AccountID
	thief          staff.Session
}

func (w *world) breach() breach {
	w.t.Helper()
	ctx := context.Background()
	b := breach{lea: w.signIn(w.lea, office), max: w.signIn(w.max, office), ana: w.account("fr"), bob: w.account("en"), cleo: w.account("en"), dan: w.account("fr")}
	w.signIn(w.paul, office)
	b.thief = w.signIn(w.paul, elsewhere)
	ids := messages(3)
	w.looks(b.thief, b.ana, postern.TierEnvelope, ids...)
	w.looks(b.thief, b.ana, postern.TierContent, ids[0])
	w.looks(b.thief, b.bob, postern.TierEnvelope, messages(12)...)
	w.looks(b.thief, b.cleo, postern.TierAccount)
	w.looks(w.signIn(w.noor, office), b.dan, postern.TierEnvelope, message())
	w.pass(time.Minute)
	var err error
	b.incident, err = w.OpenIncident(ctx, b.lea, "A stolen sign-in")
	w.must(err)
	_, err = w.Contain(ctx, b.lea, b.incident.ID, gate.Target{Kind: gate.KindCredential, Subject: string(w.paul.credential), Why: "It was stolen."})
	w.must(err)
	w.must(w.SetCause(ctx, b.lea, b.incident.ID, incident.CauseStolen, "Paul was on a train."))
	_, err = w.Scope(ctx, b.lea, b.incident.ID, scope.Selector{Credentials: []postern.CredentialID{w.paul.credential}})
	w.must(err)
	return b
}

func TestNotices(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		b := w.breach()
		id := b.incident.ID
		if _, err := w.Batch(ctx, id); postern.KindOf(err) != postern.NotFound {
			t.Errorf("notices before a draft: %v", err)
		}
		drafted, err := w.Draft(ctx, b.lea, id)
		w.must(err)
		if drafted.Version != 1 || drafted.Counts.Due != 3 || !maps.Equal(drafted.Counts.Languages, map[string]int{"fr": 1, "en": 2}) {
			t.Errorf("the draft is %+v", drafted)
		}

		preview, err := w.Preview(ctx, id, b.ana)
		w.must(err)
		for locale, want := range map[string][]string{
			"en": {"One of your messages was opened with a stolen support sign-in. The text could be read.", "- The text of 1 message.", "- The sender, recipients, subject, date and size of 3 messages.",
				"14 May 2026 at 09:0", "Helpline, a company that answers support questions for us", "We ended this access on 14 May 2026", "Not seen: attachments, your password.", "Security, then Notices"},
			"fr": {"Un de vos messages a été ouvert avec un accès d'assistance volé. Son texte a pu être lu.", "- Le texte de 1 message.", "- Pour 3 messages\u00a0: l'expéditeur, les destinataires, l'objet, la date et la taille.",
				"14 mai 2026 à 9", "Helpline, une société qui répond pour nous", "Nous avons coupé cet accès le 14 mai 2026", "Pas vu\u00a0: vos pièces jointes, votre mot de passe.", "Sécurité, puis Avis"},
		} {
			n := preview[locale]
			first, _, _ := strings.Cut(n.Text, "\n")
			if !strings.HasPrefix(first, want[0]) {
				t.Errorf("%s: the first line is %q", locale, first)
			}
			for _, words := range append(want[1:], n.Code, "Outlook Example") {
				if !strings.Contains(n.Text, words) {
					t.Errorf("%s: no %q in:\n%s", locale, words, n.Text)
				}
			}
		}

		// Nobody approves their own draft; nothing is sent before.
		if _, err := w.Send(ctx, id); postern.KindOf(err) != postern.Conflict {
			t.Errorf("sent without approval: %v", err)
		}
		w.must(w.Submit(ctx, b.lea, id))
		if err := w.Approve(ctx, b.lea, id); postern.KindOf(err) != postern.Denied || postern.KeyOf(err) != "response.refused.own-draft" {
			t.Errorf("approved by the drafter: %v", err)
		}
		if err := w.Approve(ctx, w.signIn(w.noor, office), id); postern.KindOf(err) != postern.Denied {
			t.Errorf("approved by an agent: %v", err)
		}
		w.must(w.Return(ctx, b.max, id, "Say who Helpline is."))
		if err := w.Approve(ctx, b.max, id); postern.KindOf(err) != postern.Conflict {
			t.Errorf("approved what was returned: %v", err)
		}
		drafted, err = w.Draft(ctx, b.lea, id)
		w.must(err)
		if drafted.Version != 2 {
			t.Errorf("the second draft is version %d", drafted.Version)
		}
		w.must(w.Approve(ctx, w.signIn(w.ada, office), id))
		if seen, err := w.NoticesOf(ctx, b.ana); err != nil || len(seen) != 0 {
			t.Errorf("told before it was released: %+v, %v", seen, err)
		}
		report, err := w.Send(ctx, id)
		w.must(err)
		if report.Sent != 3 || report.Due+report.Sending+report.Failed != 0 {
			t.Errorf("the report is %+v", report)
		}
		if report, err = w.Send(ctx, id); err != nil || report.Sent != 3 || len(w.mail.delivered) != 3 || w.mail.again != 0 {
			t.Errorf("sending again: %+v, %v; %d delivered, %d again", report, err, len(w.mail.delivered), w.mail.again)
		}

		// Each is told once, in the mailbox, in the product and in the ledger.
		for a, want := range map[postern.AccountID]int{b.ana: 1, b.bob: 1, b.cleo: 1, b.dan: 0} {
			seen, err := w.NoticesOf(ctx, a)
			w.must(err)
			if len(seen) != want {
				t.Fatalf("%d notices of an account, want %d", len(seen), want)
			}
			written, err := w.ledger.Find(ctx, ledger.Filter{Account: a})
			w.must(err)
			n := 0
			for _, e := range written {
				if e.Control != nil && e.Control.Kind == verify.ControlNotice {
					n++
				}
			}
			if n != want {
				t.Errorf("%d notices in the ledger, want %d", n, want)
			}
			for _, listed := range seen {
				one, err := w.Read(ctx, a, listed.ID, listed.Version)
				w.must(err)
				if len(one.Exposures) == 0 || one.State != notify.NoticeSent || one.Version != 2 {
					t.Errorf("the notice is %+v", one)
				}
				found := false
				for key, m := range w.mail.delivered {
					found = found || strings.HasPrefix(key, string(a)) && m.Text == one.Text && m.Subject == one.Subject
				}
				if !found {
					t.Error("the mailbox has other words than the product")
				}
			}
		}
		in, err := w.Incident(ctx, id)
		w.must(err)
		if in.State != incident.StateNotified || in.Notified.IsZero() {
			t.Errorf("the incident is %+v", in)
		}
		if _, err := w.Draft(ctx, b.lea, id); postern.KindOf(err) != postern.Conflict || postern.KeyOf(err) != "response.conflict.nobody" {
			t.Errorf("drafted again although everybody knows: %v", err)
		}
	})
}

// TestCorrections tells those of whom more, less or nothing turned out, and no
// one else.
func TestCorrections(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		b := w.breach()
		send := func() map[postern.AccountID]notify.Notice {
			t.Helper()
			_, err := w.Draft(ctx, b.lea, b.incident.ID)
			w.must(err)
			w.must(w.Approve(ctx, b.max, b.incident.ID))
			_, err = w.Send(ctx, b.incident.ID)
			w.must(err)
			all, err := w.Notices(ctx, b.incident.ID, notify.NoticeFilter{})
			w.must(err)
			by := map[postern.AccountID]notify.Notice{}
			for _, n := range all {
				by[n.Account] = n
			}
			return by
		}
		first := send()
		w.pass(24 * time.Hour)
		b.lea, b.max = w.signIn(w.lea, office), w.signIn(w.max, office)

		// Only the first two looks belong to it after all: bob and cleo do not.
		sc, err := w.LastScope(ctx, b.incident.ID)
		w.must(err)
		var anaLast time.Time
		for _, e := range sc.Exposures {
			if e.Account == b.ana && e.Last.After(anaLast) {
				anaLast = e.Last
			}
		}
		narrow := scope.Selector{Sessions: []postern.SessionID{b.thief.ID}, Staff: []postern.StaffID{w.noor.ID}}
		_, err = w.Scope(ctx, b.lea, b.incident.ID, narrow)
		w.must(err)
		second := send()
		if len(second) != 1 || second[b.dan].Kind != notify.NoticeFirst {
			t.Errorf("a wider scope tells %+v", second)
		}
		_, err = w.Scope(ctx, b.lea, b.incident.ID, scope.Selector{Staff: []postern.StaffID{w.noor.ID}, Since: anaLast})
		w.must(err)
		third := send()
		if len(third) != 3 {
			t.Fatalf("a narrower scope tells %d", len(third))
		}
		for _, a := range []postern.AccountID{b.ana, b.bob, b.cleo} {
			n := third[a]
			if n.Kind != notify.NoticeWithdrawn || n.ID != first[a].ID || n.Code != first[a].Code || n.Version != 3 {
				t.Errorf("withdrawn: %+v", n)
			}
		}
		if n := third[b.ana]; !strings.HasPrefix(n.Subject, "Correction") || !strings.HasPrefix(n.Text, "Votre courrier n'a pas été vu. Nous vous avions dit le 14 mai 2026") {
			t.Errorf("withdrawn in French:\n%s\n%s", n.Subject, n.Text)
		}
		_, err = w.Scope(ctx, b.lea, b.incident.ID, narrow)
		w.must(err)
		fourth := send()
		if n := fourth[b.bob]; n.Kind != notify.NoticeCorrection || !strings.HasPrefix(n.Text, "Correction to our notice of 15 May 2026: A list of 12 of your messages was shown") {
			t.Errorf("a correction of a correction:\n%s", n.Text)
		}
		if seen, err := w.NoticesOf(ctx, b.bob); err != nil || len(seen) != 3 || seen[0].Version != 4 {
			t.Errorf("bob can read %d notices, %v", len(seen), err)
		}
	})
}

func TestDeliveryThatFails(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		b := w.breach()
		delete(w.mail.people, b.cleo)
		down := true
		w.mail.refuse = func(a postern.AccountID) error {
			if a == b.bob && down {
				return errors.New("the mail plane is away")
			}
			return nil
		}
		_, err := w.Draft(ctx, b.lea, b.incident.ID)
		w.must(err)
		w.must(w.Approve(ctx, b.max, b.incident.ID))
		report, err := w.Send(ctx, b.incident.ID)
		w.must(err)
		if report.Sent != 1 || report.Due != 1 || report.Failed != 1 {
			t.Errorf("with a mail plane that is away: %+v", report)
		}
		if _, err := w.Draft(ctx, b.lea, b.incident.ID); postern.KindOf(err) != postern.Conflict {
			t.Errorf("drafted while one is under way: %v", err)
		}
		down = false
		if report, _ = w.Send(ctx, b.incident.ID); report.Due != 1 {
			t.Errorf("tried again at once: %+v", report)
		}
		w.pass(time.Minute)
		if report, _ = w.Send(ctx, b.incident.ID); report.Sent != 2 || report.Failed != 1 {
			t.Errorf("a minute later: %+v", report)
		}
		// Whoever is in the failed list stands there by name of account, never silently.
		failed, err := w.Notices(ctx, b.incident.ID, notify.NoticeFilter{State: notify.NoticeFailed})
		w.must(err)
		if len(failed) != 1 || failed[0].Account != b.cleo || failed[0].Problem == "" {
			t.Errorf("failed: %+v", failed)
		}
	})
}

// TestEveryNotice words each kind of fact in both languages and holds them to
// the rules of a good notice.
func TestEveryNotice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		lea := w.signIn(w.lea, office)
		s := w.signIn(w.paul, office)
		accounts := map[postern.Tier]postern.AccountID{}
		for _, tier := range postern.Tiers {
			accounts[tier] = w.account("en")
			var ids []postern.MessageID
			if tier != postern.TierAccount {
				ids = messages(2)
			}
			w.looks(s, accounts[tier], tier, ids...)
		}
		in, err := w.OpenIncident(ctx, lea, "Each tier")
		w.must(err)
		_, err = w.Scope(ctx, lea, in.ID, scope.Selector{Staff: []postern.StaffID{w.paul.ID}})
		w.must(err)
		var openings []string
		for _, cause := range incident.Causes {
			w.must(w.SetCause(ctx, lea, in.ID, cause, "For the test."))
			for _, tier := range postern.Tiers {
				preview, err := w.Preview(ctx, in.ID, accounts[tier])
				w.must(err)
				for _, locale := range notify.Locales {
					n := preview[locale]
					first, _, _ := strings.Cut(n.Text, "\n")
					openings = append(openings, locale+" "+first)
					check(t, locale, n)
				}
			}
		}
		// Two languages, three causes, and four depths: opened, listed, traced, the account.
		slices.Sort(openings)
		if distinct := slices.Compact(openings); len(distinct) != 2*3*4 {
			t.Errorf("%d different first lines:\n%s", len(distinct), strings.Join(distinct, "\n"))
		}
	})
}

func check(t *testing.T, locale string, n notify.Notice) {
	t.Helper()
	lower := strings.ToLower(n.Text)
	for _, never := range []string{"http", "www.", "<", "may have", "might", "pourrait", "{{", "<no value>", "  "} {
		if strings.Contains(lower, never) {
			t.Errorf("%s: %q in:\n%s", locale, never, n.Text)
		}
	}
	if actions := strings.Count(n.Text, "\n1. ") + strings.Count(n.Text, "\n2. ") + strings.Count(n.Text, "\n3. ") + strings.Count(n.Text, "\n4. "); actions < 1 || actions > 3 {
		t.Errorf("%s: %d things to do:\n%s", locale, actions, n.Text)
	}
	if ease := notify.Ease(n.Text, locale); ease < 50 {
		t.Errorf("%s: reading ease %d:\n%s", locale, ease, n.Text)
	}
	if strings.Count(n.Text, n.Code) < 2 || len(n.Subject) > 120 || strings.Contains(n.Subject, "\n") {
		t.Errorf("%s: code %s, subject %q", locale, n.Code, n.Subject)
	}
}
