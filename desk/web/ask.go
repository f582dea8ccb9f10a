package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

// askForm is the request's form, wherever it stands.
type askForm struct {
	Action   string
	Case     *desk.Case // nil: without a case
	Address  string
	Tier     postern.Tier
	Tiers    []ui.Option
	Reasons  []ui.Option
	Minutes  []ui.Option
	Sentence string
	Messages []string // named by the page that refused; empty: a mailbox
	Mailbox  string
	Since    string
	Until    string
	Offered  bool   // without any of these: what the customer offered
	Who      string // who would have to agree: a sentence
	Once     bool
	Urgent   bool   // it asks for emergency access
	Instead  string // where emergency access is asked for; "" where there is none
}

// minutes are the lengths a form offers, as far as the policy goes.
var minutes = [...]int{5, 15, 30, 60, 240, 720}

// newForm fills a form as far as is known.
func (w *Web) newForm(r *http.Request, k *desk.Case, address string, tier postern.Tier) *askForm {
	f := &askForm{Case: k, Address: address, Tier: tier, Action: "/accounts/ask", Mailbox: "INBOX"}
	if k != nil {
		f.Action = "/cases/" + string(k.ID) + "/ask"
	}
	w.complete(r, f, 15, postern.ReasonSupport)
	if w.Gate.Policy().Emergency.Tier != "" && k != nil {
		f.Instead = "/emergency?case=" + string(k.ID)
	}
	return f
}

// complete makes the form's choices around what is chosen.
func (w *Web) complete(r *http.Request, f *askForm, lasts int, reason postern.Reason) {
	f.Tiers, f.Reasons, f.Minutes = nil, nil, nil
	for _, t := range postern.Tiers {
		if _, ok := w.Gate.Policy().Tiers[t.String()]; ok && (t >= postern.TierEnvelope || f.Case == nil) {
			f.Tiers = append(f.Tiers, ui.Option{Value: t.String(), Text: w.t(r, "tier."+t.String()), Selected: t == f.Tier})
		}
	}
	for _, x := range postern.Reasons {
		f.Reasons = append(f.Reasons, ui.Option{Value: x.String(), Text: w.t(r, "reason."+x.String()), Selected: x == reason})
	}
	rule := w.Gate.Policy().Tiers[f.Tier.String()]
	f.Minutes = w.lengths(r, int(rule.Longest/time.Minute), lasts)
	if rule.Agree != "" {
		f.Who = w.t(r, "desk.ask.who."+string(rule.Agree))
	}
}

// lengths are the choices of a time up to a longest, the nearest one chosen.
func (w *Web) lengths(r *http.Request, longest, chosen int) (list []ui.Option) {
	for i, m := range minutes {
		if m > longest && i > 0 {
			break
		}
		m = min(m, longest)
		list = append(list, ui.Option{Value: strconv.Itoa(m), Text: w.ui.Words().Duration(w.ui.Lang(r), time.Duration(m)*time.Minute), Selected: m == chosen})
	}
	return list
}

func (w *Web) askPage(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	k, _, err := w.Desk.Case(r.Context(), s, postern.CaseID(r.PathValue("id")))
	if err != nil {
		return err
	}
	tier, ok := postern.TierNamed(r.URL.Query().Get("tier"))
	if !ok {
		tier = postern.TierEnvelope
	}
	f := w.newForm(r, &k, k.Address, tier)
	f.Messages = r.URL.Query()["messages"]
	w.ui.Page(rw, r, http.StatusOK, "ask", w.page(r, s, "desk.ask.title", f))
	return nil
}

// ask takes the form, from a case or without one.
func (w *Web) ask(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	if err := r.ParseForm(); err != nil {
		return &postern.Error{Kind: postern.Invalid, Text: "couldn't read the form", Err: err}
	}
	a, f, err := w.asked(r, s)
	var made gate.Request
	if err == nil {
		made, err = w.Gate.Ask(r.Context(), s, a)
	}
	switch postern.KindOf(err) {
	case postern.Invalid, postern.Conflict:
		if f == nil {
			return err
		}
		p := w.page(r, s, "desk.ask.title", f)
		p.Errors = []ui.Problem{{Field: fieldOf(postern.KeyOf(err)), Text: w.ui.Sentence(w.ui.Lang(r), err)}}
		w.ui.Page(rw, r, ui.StatusOf(err), "ask", p)
		return nil
	}
	if err != nil {
		return err
	}
	to := "/requests/" + string(made.ID)
	if made.Grant != "" {
		to = "/grants/" + string(made.Grant)
	}
	http.Redirect(rw, r, to, http.StatusSeeOther)
	return nil
}

// fieldOf gives the field that an error of asking is about.
func fieldOf(key string) string {
	switch last(key) {
	case "sentence", "sentence-long":
		return "sentence"
	case "date":
		return "since"
	case "scope", "message", "messages", "too-many-messages", "message-twice":
		return "mailbox"
	case "tier":
		return "tier"
	}
	return "sentence"
}

// asked reads the form; the askForm holds what was typed, to show it again.
func (w *Web) asked(r *http.Request, s staff.Session) (a gate.Ask, f *askForm, err error) {
	var k *desk.Case
	form := r.PostForm
	if id := postern.CaseID(r.PathValue("id")); id != "" {
		found, _, err := w.Desk.Case(r.Context(), s, id)
		if err != nil {
			return a, nil, err
		}
		k = &found
		a.Case, a.Account = found.ID, found.Account
	}
	a.Tier, _ = postern.TierNamed(form.Get("tier"))
	a.Reason, _ = postern.ReasonNamed(form.Get("reason"))
	a.Sentence, a.Once = form.Get("sentence"), form.Get("once") != ""
	lasts, _ := strconv.Atoi(form.Get("minutes"))
	a.For = time.Duration(max(0, min(lasts, 24*60))) * time.Minute

	f = w.newForm(r, k, form.Get("address"), a.Tier)
	f.Once = a.Once
	f.Sentence, f.Since, f.Until, f.Mailbox = a.Sentence, form.Get("since"), form.Get("until"), strings.TrimSpace(form.Get("mailbox"))
	if k != nil {
		f.Address = k.Address
	}
	w.complete(r, f, lasts, a.Reason)
	for _, words := range form["messages"] {
		f.Messages = append(f.Messages, strings.FieldsFunc(words, func(c rune) bool { return c == ' ' || c == ',' || c == '\n' || c == '\r' })...)
	}
	f.Offered = len(f.Messages) == 0 && f.Mailbox == ""
	for _, m := range f.Messages {
		a.Scope.Messages = append(a.Scope.Messages, postern.MessageID(m))
	}
	if len(a.Scope.Messages) == 0 && f.Mailbox != "" {
		a.Scope.Mailbox = f.Mailbox
		if a.Scope.Since, err = w.day(f.Since); err != nil {
			return a, f, err
		}
		if a.Scope.Until, err = w.day(f.Until); err != nil {
			return a, f, err
		}
		if !a.Scope.Until.IsZero() {
			a.Scope.Until = a.Scope.Until.AddDate(0, 0, 1) // the day that was named counts
		}
	}
	if k == nil {
		if a.Account, err = w.accountOf(r, f.Address); errors.Is(err, errNoCase) {
			err = nil // the gate refuses it too, and writes down that somebody tried
		}
	}
	return a, f, err
}

var errNoCase = &postern.Error{Kind: postern.Withheld, Key: gate.RefusedNoCase, Text: "the policy wants an open case"}

// standing says whether the policy lets agents do without a case.
func (w *Web) standing() bool {
	rule, ok := w.Gate.Policy().Tiers[postern.TierAccount.String()]
	return ok && rule.Agree == policy.AgreeNobody
}

// accountOf finds an account by its address, for asking without a case. Where
// the policy wants a case, the gate refuses a known account and writes that
// down, and an unknown one is refused here in the same words: the answer does
// not tell which addresses exist.
func (w *Web) accountOf(r *http.Request, address string) (postern.AccountID, error) {
	if w.Find == nil {
		return "", &postern.Error{Kind: postern.Unavailable, Text: "there is no directory of addresses here"}
	}
	id, err := w.Find(r.Context(), address)
	if postern.KindOf(err) == postern.NotFound && !w.standing() {
		err = errNoCase
	}
	return id, err
}

// accountsData is the page that opens an account without a case.
type accountsData struct {
	Address string
	Allowed bool // the policy lets agents do without a case
	Ask     *askForm
}

func (w *Web) accounts(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	d := accountsData{Address: strings.TrimSpace(r.URL.Query().Get("address"))}
	d.Allowed = w.standing()
	if d.Address != "" {
		if !d.Allowed {
			return errNoCase // before it looks
		}
		if _, err := w.accountOf(r, d.Address); err != nil {
			return err
		}
		tier, ok := postern.TierNamed(r.URL.Query().Get("tier"))
		if !ok {
			tier = postern.TierEnvelope
		}
		d.Ask = w.newForm(r, nil, d.Address, tier)
	}
	w.ui.Page(rw, r, http.StatusOK, "accounts", w.page(r, s, "desk.accounts.title", d))
	return nil
}
