package desk_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/staff"
)

// outsourced gives the house an outsourcer with an agent, bo, and another.
func (h *house) outsourced() (noor, bo staff.Session) {
	h.t.Helper()
	for _, o := range []postern.OrganisationID{"helpline", "callhouse"} {
		h.ok(h.staff.CreateOrganisation(ctx, staff.Organisation{ID: o, Name: "Name of " + string(o), Kind: "outsourcer"}))
	}
	return h.signIn("noor"), h.signInOf("helpline", "bo", staff.Agent, staff.Approver)
}

// TestOutsourcersSeeWhatTheyWereGiven tries every act of the desk on a case of
// the provider's: each says what it says of a case that does not exist.
func TestOutsourcersSeeWhatTheyWereGiven(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor, bo := h.outsourced()
		theirs, own, second := h.openCase("Theirs"), h.openCase("The provider's"), h.openCase("The provider's too")
		h.ok(h.desk.AssignOrganisation(ctx, noor, theirs.ID, "helpline"))
		h.ok(h.desk.Edit(ctx, noor, own.ID, desk.PriorityUrgent, "ZD-7"))
		h.ok(h.desk.Writing(ctx, noor, own.ID))
		h.ok(h.desk.Writing(ctx, noor, theirs.ID))

		for _, f := range []desk.Filter{{}, {Sort: desk.SortDue}, {Sort: desk.SortPriority}, {Unassigned: true}, {Outside: true}, {Query: "theirs"}, {Query: "ana@outlook.example"}, {Query: "#" + fmt.Sprint(theirs.Number)}, {Status: desk.StatusOpen}, {Organisation: "helpline"}} {
			p, err := h.desk.Page(ctx, bo, f)
			h.ok(err)
			if len(p.Cases) != 1 || p.Cases[0].ID != theirs.ID || p.Next != "" {
				t.Errorf("%+v lists %d cases", f, len(p.Cases))
			}
		}
		hidden := []desk.Filter{{Query: "provider"}, {Query: "ZD-7"}, {Query: fmt.Sprint(own.Number)}, {Priority: desk.PriorityUrgent}, {Organisation: "provider"}, {Status: desk.StatusClosed}, {Mine: true}}
		for _, f := range hidden {
			p, err := h.desk.Page(ctx, bo, f)
			h.ok(err)
			if len(p.Cases) != 0 {
				t.Errorf("%+v lists %d cases of others", f, len(p.Cases))
			}
		}
		counts, err := h.desk.Count(ctx, bo, append(hidden, desk.Filter{}))
		h.ok(err)
		if want := []int{0, 0, 0, 0, 0, 0, 0, 1}; !reflect.DeepEqual(counts, want) {
			t.Errorf("counted %v, want %v", counts, want)
		}
		if got, err := h.desk.Writers(ctx, bo, own.ID); err != nil || len(got) != 0 {
			t.Errorf("an outsourcer learns who writes: %v, %v", got, err)
		}
		if got, err := h.desk.Writers(ctx, bo, theirs.ID); err != nil || len(got) != 1 {
			t.Errorf("who writes in their case: %v, %v", got, err)
		}

		none := postern.CaseID(postern.NewID())
		acts := map[string]func(postern.CaseID) error{
			"read":    func(c postern.CaseID) error { _, _, err := h.desk.Case(ctx, bo, c); return err },
			"reply":   func(c postern.CaseID) error { return h.desk.Reply(ctx, bo, c, "x") },
			"note":    func(c postern.CaseID) error { return h.desk.Note(ctx, bo, c, "x") },
			"close":   func(c postern.CaseID) error { return h.desk.Close(ctx, bo, c) },
			"reopen":  func(c postern.CaseID) error { return h.desk.Reopen(ctx, bo, c) },
			"take":    func(c postern.CaseID) error { return h.desk.Assign(ctx, bo, c, bo.Staff) },
			"release": func(c postern.CaseID) error { return h.desk.Assign(ctx, bo, c, "") },
			"hand":    func(c postern.CaseID) error { return h.desk.HandOver(ctx, bo, c, bo.Staff, "mine") },
			"have":    func(c postern.CaseID) error { return h.desk.AssignOrganisation(ctx, bo, c, "helpline") },
			"edit":    func(c postern.CaseID) error { return h.desk.Edit(ctx, bo, c, desk.PriorityHigh, "") },
			"merge":   func(c postern.CaseID) error { return h.desk.Merge(ctx, bo, c, theirs.Number) },
			"unmerge": func(c postern.CaseID) error { return h.desk.Unmerge(ctx, bo, c) },
			"write":   func(c postern.CaseID) error { return h.desk.Writing(ctx, bo, c) },
			"look":    func(c postern.CaseID) error { _, err := h.desk.Diagnose(ctx, bo, c); return err },
			"trace":   func(c postern.CaseID) error { _, err := h.desk.Trace(ctx, bo, c, "bank.example"); return err },
			"check":   func(c postern.CaseID) error { _, err := h.desk.Check(ctx, bo, c, desk.MailboxFull, ""); return err },
			"ask": func(c postern.CaseID) error {
				_, err := h.gate.Ask(ctx, bo, gate.Ask{Case: c, Account: h.account, Tier: postern.TierAccount, Reason: postern.ReasonSupport, Sentence: "x"})
				return err
			},
		}
		for name, act := range acts {
			of, no := act(own.ID), act(none)
			if of == nil || no == nil || of.Error() != no.Error() || postern.KeyOf(of) != postern.KeyOf(no) || postern.KindOf(of) != postern.KindOf(no) {
				t.Errorf("%s: of a case of others %v, of none %v", name, of, no)
			}
		}
		if of, no := h.desk.Merge(ctx, bo, theirs.ID, own.Number), h.desk.Merge(ctx, bo, theirs.ID, 9999); postern.KeyOf(of) != "desk.unknown.case" || postern.KeyOf(no) != postern.KeyOf(of) {
			t.Errorf("merged into a case of others: %v; into none: %v", of, no)
		}
		refusals, err := h.ledger.Find(ctx, ledger.Filter{Account: h.account})
		h.ok(err)
		written := 0
		for _, e := range refusals {
			if e.Control != nil && e.Control.Kind.String() == "refusal" {
				written++
			}
		}
		if written != 2 {
			t.Errorf("%d refusals of the outsourcer's asking are in the ledger, want two", written)
		}
		if got, posts, err := h.desk.Case(ctx, noor, own.ID); err != nil || got.Status != desk.StatusOpen || len(posts) != 2 {
			t.Errorf("what was tried left %+v, %d posts, %v", got, len(posts), err)
		}

		// What the provider merges into their case stays the provider's to read.
		h.ok(h.desk.Note(ctx, noor, second.ID, "Among ourselves."))
		h.ok(h.desk.Merge(ctx, noor, second.ID, theirs.Number))
		_, posts, err := h.desk.Case(ctx, bo, theirs.ID)
		h.ok(err)
		if kinds(posts) != "customer event event" {
			t.Errorf("they read %s", kinds(posts))
		}
	})
}

// TestWhomACaseMayBeGiven: an outsourcer gives among its own and back.
func TestWhomACaseMayBeGiven(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor, bo := h.outsourced()
		cem, pia := h.signInOf("helpline", "cem"), h.signInOf("callhouse", "pia")
		c := h.openCase("Mail is gone")
		h.ok(h.desk.Assign(ctx, noor, c.ID, bo.Staff))
		wantKey(t, h.desk.Assign(ctx, bo, c.ID, noor.Staff), "staff.unknown.member")
		wantKey(t, h.desk.HandOver(ctx, bo, c.ID, pia.Staff, "x"), "staff.unknown.member")
		wantKey(t, h.desk.AssignOrganisation(ctx, bo, c.ID, "callhouse"), "desk.unknown.organisation")
		h.ok(h.desk.HandOver(ctx, bo, c.ID, cem.Staff, "My shift ends."))
		names := func(by staff.Session) (all []string) {
			members, err := h.desk.Colleagues(ctx, by)
			h.ok(err)
			for _, m := range members {
				all = append(all, m.Login)
			}
			organisations, err := h.desk.Receivers(ctx, by)
			h.ok(err)
			for _, o := range organisations {
				all = append(all, string(o.ID))
			}
			return all
		}
		if got, want := len(names(noor)), 4+3; got != want {
			t.Errorf("the provider gives to %v", names(noor))
		}
		if got := names(bo); len(got) != 4 {
			t.Errorf("the outsourcer gives to %v", got)
		}
		h.ok(h.desk.AssignOrganisation(ctx, cem, c.ID, "provider"))
		_, _, err := h.desk.Case(ctx, cem, c.ID)
		wantKey(t, err, "desk.unknown.case")
	})
}

// TestTakenBack: what a case allowed an outsourcer ends with its being theirs,
// whoever of them had it, and nobody else's does.
func TestTakenBack(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor, bo := h.outsourced()
		cem := h.signInOf("helpline", "cem")
		for name, back := range map[string]func(c desk.Case) error{
			"to the provider":      func(c desk.Case) error { return h.desk.AssignOrganisation(ctx, noor, c.ID, "provider") },
			"to one of theirs":     func(c desk.Case) error { return h.desk.Assign(ctx, noor, c.ID, noor.Staff) },
			"to others":            func(c desk.Case) error { return h.desk.AssignOrganisation(ctx, noor, c.ID, "callhouse") },
			"by the outsourcer":    func(c desk.Case) error { return h.desk.AssignOrganisation(ctx, cem, c.ID, "provider") },
			"by being handed over": func(c desk.Case) error { return h.desk.HandOver(ctx, noor, c.ID, noor.Staff, "Ours again.") },
		} {
			c := h.openCase("Mail is gone " + name)
			h.ok(h.desk.AssignOrganisation(ctx, noor, c.ID, "helpline"))
			ask := func(by staff.Session, tier postern.Tier) gate.Request {
				a := gate.Ask{Case: c.ID, Account: c.Account, Tier: tier, Reason: postern.ReasonSupport, Sentence: "You asked where it is."}
				if tier > postern.TierAccount {
					a.Scope.Mailbox = "INBOX"
				}
				r, err := h.gate.Ask(ctx, by, a)
				h.ok(err)
				return r
			}
			ask(noor, postern.TierAccount)
			ask(cem, postern.TierAccount)
			granted, waiting := ask(bo, postern.TierAccount), ask(bo, postern.TierContent)
			h.ok(back(c))
			live, err := h.gate.Grants(ctx, gate.GrantFilter{Case: c.ID, Live: true})
			h.ok(err)
			if len(live) != 1 || live[0].Staff != noor.Staff {
				t.Errorf("%s: live are %+v", name, live)
			}
			_, err = h.gate.Reveal(ctx, bo, gate.Want{Grant: granted.Grant, Tier: postern.TierAccount})
			wantKey(t, err, gate.RefusedGrantEnded)
			if _, err := h.gate.Consent(ctx, c.Account, waiting.ID, gate.Narrow{}); postern.KeyOf(err) != "gate.conflict.answered" {
				t.Errorf("%s: the customer is still asked: %v", name, err)
			}
			_, err = h.gate.Ask(ctx, bo, gate.Ask{Case: c.ID, Account: c.Account, Tier: postern.TierAccount, Reason: postern.ReasonSupport, Sentence: "Again."})
			wantKey(t, err, gate.RefusedOtherAccount)
			h.ok(h.desk.Close(ctx, noor, c.ID))
		}
	})
}

// TestWhoOpensACase: an outsourcer's agent opens one for their organisation, the
// provider's for nobody yet.
func TestWhoOpensACase(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor, bo := h.outsourced()
		mona := h.signInOf("helpline", "mona", staff.Approver)
		n := desk.NewCase{Account: h.account, Address: "ana@outlook.example", Name: "Ana", Locale: "fr", Subject: "She rang", Text: "Her mail is gone."}
		c, err := h.desk.OpenCase(ctx, bo, n)
		h.ok(err)
		if c.Organisation != "helpline" || !c.Outside {
			t.Errorf("opened, it is %+v", c)
		}
		if _, _, err := h.desk.Case(ctx, bo, c.ID); err != nil {
			t.Error(err)
		}
		n.Outsourcer = "helpline" // not what a caller says
		if c, err = h.desk.OpenCase(ctx, noor, n); err != nil || c.Organisation != "" || c.Outside {
			t.Errorf("opened by the provider, it is %+v, %v", c, err)
		}
		_, err = h.desk.OpenCase(ctx, mona, n)
		wantKey(t, err, gate.RefusedNotAgent)
	})
}
