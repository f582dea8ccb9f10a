package desk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/staff"
)

// TestCase takes one case from the customer's letter to its end and back.
func TestCase(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s := h.signIn("noor")
		c := h.openCase("Mail is gone")
		if c.Number == 0 || c.Status != desk.StatusOpen {
			t.Fatalf("opened %+v", c)
		}
		h.ok(h.desk.Assign(ctx, s, c.ID, s.Staff))
		h.ok(h.desk.Note(ctx, s, c.ID, "Looks like a full mailbox."))
		h.ok(h.desk.Reply(ctx, s, c.ID, "Which message?"))
		got, posts, err := h.desk.Case(ctx, s, c.ID)
		h.ok(err)
		if got.Status != desk.StatusWaiting || got.Assignee != s.Staff || got.AssigneeName != s.Name || !got.Updated.Equal(h.clock.now().Truncate(time.Millisecond)) {
			t.Errorf("answered, it is %+v", got)
		}
		if kinds(posts) != "customer event note reply" {
			t.Errorf("staff read %q", kinds(posts))
		}
		theirs, err := h.cases.Posts(ctx, c.ID, false)
		h.ok(err)
		if kinds(theirs) != "customer reply" {
			t.Errorf("the customer reads %q", kinds(theirs))
		}
		h.ok(h.cases.CustomerReply(ctx, h.account, c.ID, "The one from my bank."))
		if got, _, _ := h.desk.Case(ctx, s, c.ID); got.Status != desk.StatusOpen {
			t.Errorf("after the customer's answer it is %s", got.Status)
		}
		h.ok(h.desk.Close(ctx, s, c.ID))
		if err := h.desk.Close(ctx, s, c.ID); postern.KindOf(err) != postern.Conflict {
			t.Errorf("closed twice: %v", err)
		}
		if err := h.desk.Reply(ctx, s, c.ID, "One more thing."); postern.KindOf(err) != postern.Conflict {
			t.Errorf("a closed case is answered: %v", err)
		}
		h.ok(h.desk.Reopen(ctx, s, c.ID))
		if err := h.desk.Reopen(ctx, s, c.ID); postern.KindOf(err) != postern.Conflict {
			t.Errorf("reopened twice: %v", err)
		}
		h.ok(h.desk.Close(ctx, s, c.ID))
		h.ok(h.cases.CustomerReply(ctx, h.account, c.ID, "It happened again."))
		theirs, err = h.cases.Posts(ctx, c.ID, false)
		h.ok(err)
		if kinds(theirs) != "customer reply customer event event event customer event" {
			t.Errorf("the customer reads %q", kinds(theirs))
		}
		h.ok(h.desk.Assign(ctx, s, c.ID, ""))
		if got, _, _ := h.desk.Case(ctx, s, c.ID); got.Assignee != "" || got.Status != desk.StatusOpen {
			t.Errorf("let go, it is %+v", got)
		}
	})
}

func kinds(posts []desk.Post) string {
	var all []string
	for _, p := range posts {
		all = append(all, p.Kind)
	}
	return strings.Join(all, " ")
}

// TestQueue finds cases by what people say of them.
func TestQueue(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s := h.signIn("noor")
		var all []desk.Case
		for _, subject := range []string{"Password", "100% full", "Old_mail", "Boîte pleine"} {
			all = append(all, h.openCase(subject))
		}
		h.clock.pass(time.Second)
		h.ok(h.desk.Assign(ctx, s, all[0].ID, s.Staff))
		h.ok(h.desk.Reply(ctx, s, all[1].ID, "Delete some."))
		h.clock.pass(time.Second)
		h.ok(h.desk.Close(ctx, s, all[2].ID))
		for name, one := range map[string]struct {
			f    desk.Filter
			want string
		}{
			"all that are not closed": {desk.Filter{}, "Password,100% full,Boîte pleine"},
			"mine":                    {desk.Filter{Mine: true}, "Password"},
			"waiting":                 {desk.Filter{Status: desk.StatusWaiting}, "100% full"},
			"closed":                  {desk.Filter{Status: desk.StatusClosed}, "Old_mail"},
			"by number":               {desk.Filter{Query: fmt.Sprintf("#%d", all[3].Number)}, "Boîte pleine"},
			"by subject":              {desk.Filter{Query: "PASS"}, "Password"},
			"by address":              {desk.Filter{Query: "outlook.example", Status: desk.StatusOpen}, "Password,Boîte pleine"},
			"a percent sign is one":   {desk.Filter{Query: "0%"}, "100% full"},
			"an underscore is one":    {desk.Filter{Query: "d_m", Status: desk.StatusClosed}, "Old_mail"},
			"no pattern":              {desk.Filter{Query: "%"}, "100% full"},
			"nothing":                 {desk.Filter{Query: "zebra"}, ""},
			"one":                     {desk.Filter{Limit: 1, Mine: true}, "Password"},
		} {
			found, err := h.desk.Queue(ctx, s, one.f)
			h.ok(err)
			var subjects []string
			for _, c := range found {
				subjects = append(subjects, c.Subject)
			}
			got := strings.Join(subjects, ",")
			if !sameWords(got, one.want) {
				t.Errorf("%s: %q, want %q", name, got, one.want)
			}
		}
		if _, err := h.desk.Queue(ctx, s, desk.Filter{Status: "lost"}); postern.KindOf(err) != postern.Invalid {
			t.Errorf("an unknown status: %v", err)
		}
	})
}

func sameWords(a, b string) bool {
	x, y := strings.Split(a, ","), strings.Split(b, ",")
	if len(x) != len(y) {
		return false
	}
	for _, w := range x {
		if !strings.Contains(","+b+",", ","+w+",") {
			return false
		}
	}
	return true
}

// TestStrangers: cases are for agents whose session counts, and a customer's own.
func TestStrangers(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s, auditor := h.signIn("noor"), h.signIn("otto", staff.Auditor)
		c := h.openCase("Mail is gone")
		other := postern.AccountID(postern.NewID())
		acts := map[string]func(staff.Session) error{
			"queue":    func(s staff.Session) error { _, err := h.desk.Queue(ctx, s, desk.Filter{}); return err },
			"case":     func(s staff.Session) error { _, _, err := h.desk.Case(ctx, s, c.ID); return err },
			"assign":   func(s staff.Session) error { return h.desk.Assign(ctx, s, c.ID, s.Staff) },
			"reply":    func(s staff.Session) error { return h.desk.Reply(ctx, s, c.ID, "x") },
			"note":     func(s staff.Session) error { return h.desk.Note(ctx, s, c.ID, "x") },
			"close":    func(s staff.Session) error { return h.desk.Close(ctx, s, c.ID) },
			"reopen":   func(s staff.Session) error { return h.desk.Reopen(ctx, s, c.ID) },
			"diagnose": func(s staff.Session) error { _, err := h.desk.Diagnose(ctx, s, c.ID); return err },
			"trace":    func(s staff.Session) error { _, err := h.desk.Trace(ctx, s, c.ID, "bank.example"); return err },
		}
		for name, act := range acts {
			if err := act(auditor); postern.KeyOf(err) != "desk.refused.not-agent" {
				t.Errorf("%s by an auditor: %v", name, err)
			}
		}
		h.ok(h.gate.EndSession(ctx, s))
		for name, act := range acts {
			if err := act(s); postern.KindOf(err) != postern.Denied {
				t.Errorf("%s by a session that has ended: %v", name, err)
			}
		}
		if err := h.cases.CustomerReply(ctx, other, c.ID, "Hello?"); postern.KindOf(err) != postern.NotFound {
			t.Errorf("another customer writes: %v", err)
		}
		if _, err := h.cases.ByNumber(ctx, other, c.Number); postern.KindOf(err) != postern.NotFound {
			t.Errorf("another customer finds it: %v", err)
		}
		if found, err := h.cases.Of(ctx, other); err != nil || len(found) != 0 {
			t.Errorf("another customer has %+v, %v", found, err)
		}
		mine, err := h.cases.ByNumber(ctx, h.account, c.Number)
		h.ok(err)
		if mine.ID != c.ID {
			t.Errorf("the customer finds %+v", mine)
		}
	})
}

// TestOpenCaseRefuses what no desk could work with.
func TestOpenCaseRefuses(t *testing.T) {
	h := newHouse(t, sqlite(t))
	good := desk.NewCase{Account: h.account, Address: "ana@outlook.example", Name: "Ana", Locale: "fr", Subject: "Help", Text: "My mail is gone."}
	for name, spoil := range map[string]func(*desk.NewCase){
		"no account":        func(n *desk.NewCase) { n.Account = "" },
		"no subject":        func(n *desk.NewCase) { n.Subject = " " },
		"a long subject":    func(n *desk.NewCase) { n.Subject = strings.Repeat("é", 201) },
		"two lines":         func(n *desk.NewCase) { n.Subject = "a\nb" },
		"no text":           func(n *desk.NewCase) { n.Text = "" },
		"a long text":       func(n *desk.NewCase) { n.Text = strings.Repeat("x", 20_001) },
		"bytes, no letters": func(n *desk.NewCase) { n.Text = "\xff" },
		"a NUL":             func(n *desk.NewCase) { n.Text = "a\x00b" },
		"a long ticket":     func(n *desk.NewCase) { n.External = strings.Repeat("9", 101) },
	} {
		n := good
		spoil(&n)
		if _, err := h.cases.OpenCase(ctx, n); postern.KindOf(err) != postern.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	good.Subject = strings.Repeat("é", 200)
	if _, err := h.cases.OpenCase(ctx, good); err != nil {
		t.Error(err)
	}
}

// TestCloseEndsAccess: closing and the end of the case's grants are one act.
func TestCloseEndsAccess(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s := h.signIn("noor")
		c := h.openCase("Mail is gone")
		d, err := h.desk.Diagnose(ctx, s, c.ID)
		h.ok(err)
		d.Delivery.Done()
		h.ok(h.desk.Close(ctx, s, c.ID))
		_, err = h.gate.Reveal(ctx, s, gate.Want{Grant: d.Delivery.Grant.ID, Tier: postern.TierAccount})
		wantKey(t, err, gate.RefusedGrantEnded)
		_, err = h.desk.Diagnose(ctx, s, c.ID)
		wantKey(t, err, gate.RefusedCaseClosed)
		h.ok(h.desk.Reopen(ctx, s, c.ID))
		d, err = h.desk.Diagnose(ctx, s, c.ID)
		h.ok(err)
		d.Delivery.Done()
	})
}

// TestDiagnose shows the account and what it means, writes it down each time,
// and asks for one grant only.
func TestDiagnose(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s := h.signIn("noor")
		c := h.openCase("I get no mail")
		h.plane.account.UsedBytes = 960
		for range 3 {
			d, err := h.desk.Diagnose(ctx, s, c.ID)
			h.ok(err)
			if d.Account.Address != "ana@outlook.example" || len(d.Findings) != 1 || d.Findings[0].Key != desk.FoundQuotaHigh {
				t.Errorf("diagnosed %+v", d)
			}
			d.Delivery.Done()
		}
		all, err := h.ledger.Find(ctx, ledger.Filter{Account: h.account})
		h.ok(err)
		grants, shown := 0, 0
		for _, e := range all {
			switch {
			case e.Disclosure != nil && e.Disclosure.Tier == postern.TierAccount && e.Disclosure.Case == c.ID:
				shown++
			case e.Control != nil:
				grants++
			}
		}
		if grants != 1 || shown != 3 {
			t.Errorf("the ledger has %d grants and %d disclosures, want 1 and 3", grants, shown)
		}
		looks, err := h.gate.Looks(ctx, h.account, 0, 0)
		h.ok(err)
		if len(looks) != 3 || looks[0].CaseNumber != c.Number || !strings.HasPrefix(looks[0].Sentence, "Diagnostic") {
			t.Errorf("the customer reads %+v", looks)
		}
	})
}

// TestTrace follows what the customer named, and nothing beside it.
func TestTrace(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s := h.signIn("noor")
		c := h.openCase("My bank's mail does not come")
		at := h.clock.now()
		id := postern.MessageID(postern.NewID())
		h.plane.traces = []postern.TraceEvent{
			{At: at.Add(-time.Hour), Message: id, Event: "junked", Sender: "news@bank.example"},
			{At: at.Add(-2 * time.Hour), Event: "refused", Sender: "codes@mail.bank.example", Detail: "550"},
			{At: at.Add(-3 * time.Hour), Event: "refused", Sender: "ex@lover.example", Detail: "550"},
			{At: at.Add(-4 * time.Hour), Message: postern.MessageID(postern.NewID()), Event: "delivered", Sender: "ex@lover.example"},
		}
		trace := func(query string) desk.Tracing {
			t.Helper()
			got, err := h.desk.Trace(ctx, s, c.ID, query)
			h.ok(err)
			got.Delivery.Done()
			return got
		}
		got := trace("Bank.Example")
		if len(got.Events) != 1 || got.Events[0].Event != "refused" {
			t.Errorf("a domain in capitals finds %+v", got.Events)
		}
		got = trace("bank.example")
		if len(got.Events) != 2 || got.Events[0].Event != "refused" || got.Events[1].Message != id ||
			len(got.Findings) != 2 || got.Findings[0].Key != desk.FoundTurned || got.Findings[1].Key != desk.FoundJunked {
			t.Errorf("traced %+v, %+v", got.Events, got.Findings)
		}
		before := h.disclosures()
		got = trace("<x@nobody.example>")
		if len(got.Events) != 0 || len(got.Findings) != 1 || got.Findings[0].Key != desk.FoundNoTrace {
			t.Errorf("an unknown Message-ID finds %+v", got)
		}
		if after := h.disclosures(); after != before+1 {
			t.Error("that nothing was found was not written down")
		}
		for _, bad := range []string{"", "  ", "from:", "word", "a b@c.d", "from:\"x@y.z\"", strings.Repeat("a", 400) + "@b.c"} {
			if _, err := h.desk.Trace(ctx, s, c.ID, bad); postern.KeyOf(err) != "desk.invalid.trace" {
				t.Errorf("%q is traced with %v", bad, err)
			}
		}
	})
}

func (h *house) disclosures() int {
	h.t.Helper()
	all, err := h.ledger.Find(ctx, ledger.Filter{Account: h.account, DisclosuresOnly: true})
	h.ok(err)
	return len(all)
}

// TestCheck answers the gate inside its transaction.
func TestCheck(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s := h.signIn("noor")
		c, closed := h.openCase("one"), h.openCase("two")
		h.ok(h.desk.Close(ctx, s, closed.ID))
		for name, one := range map[string]struct {
			c    postern.CaseID
			a    postern.AccountID
			kind postern.Kind
		}{
			"open":      {c.ID, h.account, postern.KindOther},
			"another's": {c.ID, postern.AccountID(postern.NewID()), postern.NotFound},
			"unknown":   {postern.CaseID(postern.NewID()), h.account, postern.NotFound},
			"closed":    {closed.ID, h.account, postern.Withheld},
		} {
			var checked error
			var number int64
			h.ok(h.db.View(ctx, func(tx *db.Tx) (err error) {
				checked = h.cases.Check(tx, one.c, one.a)
				number, err = h.cases.Number(tx, one.c)
				return err
			}))
			if postern.KindOf(checked) != one.kind || (checked == nil) != (one.kind == postern.KindOther) {
				t.Errorf("%s: %v", name, checked)
			}
			if (number == 0) != (name == "unknown") {
				t.Errorf("%s has the number %d", name, number)
			}
		}
	})
}

// TestPostsOf: a customer's cases read at once as they read one by one, merged
// ones in the case that goes on, and without notes and anybody else's.
func TestPostsOf(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s := h.signIn("noor")
		a, b, c := h.openCase("Mail is gone"), h.openCase("Still gone"), h.openCase("Something else")
		other, err := h.cases.OpenCase(ctx, desk.NewCase{Account: postern.AccountID(postern.NewID()), Subject: "x", Text: "y"})
		h.ok(err)
		for _, k := range []desk.Case{a, b, c, other} {
			h.ok(h.desk.Note(ctx, s, k.ID, "A note."))
			h.ok(h.desk.Reply(ctx, s, k.ID, "Which message?"))
		}
		h.ok(h.desk.Merge(ctx, s, b.ID, a.Number))
		h.ok(h.desk.Close(ctx, s, c.ID))
		theirs, err := h.cases.Of(ctx, h.account)
		h.ok(err)
		all, err := h.cases.PostsOf(ctx, h.account)
		h.ok(err)
		if len(theirs) != 2 || len(all) != 2 || kinds(all[a.ID]) != "customer customer reply reply" || kinds(all[c.ID]) != "customer reply event" {
			t.Errorf("%d cases, posts %+v", len(theirs), all)
		}
		for _, k := range theirs {
			one, err := h.cases.Posts(ctx, k.ID, false)
			h.ok(err)
			if !slices.Equal(all[k.ID], one) {
				t.Errorf("at once %+v, alone %+v", all[k.ID], one)
			}
		}
	})
}
