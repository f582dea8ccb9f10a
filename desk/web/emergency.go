package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

// emergencyData is the form that asks to do without the customer.
type emergencyData struct {
	Ask     *askForm
	Address string
	Deepest postern.Tier
}

// urgent makes the form: no everyday reason, and no deeper than the policy goes.
func (w *Web) urgent(r *http.Request, k *desk.Case, address string, tier postern.Tier, lasts int, reason postern.Reason) (emergencyData, error) {
	p := w.Gate.Policy().Emergency
	deepest, ok := postern.TierNamed(p.Tier)
	if !ok {
		return emergencyData{}, &postern.Error{Kind: postern.Denied, Key: gate.RefusedEmergency, Text: "the policy knows no emergency access"}
	}
	if tier == postern.TierNone || tier > deepest {
		tier = postern.TierEnvelope
	}
	f := w.newForm(r, k, address, min(tier, deepest))
	f.Action, f.Urgent, f.Who = "/emergency", true, w.t(r, "desk.emergency.who")
	f.Minutes = w.lengths(r, int(p.Longest/time.Minute), lasts)
	f.Tiers, f.Reasons = nil, nil
	for _, t := range postern.Tiers {
		if t <= deepest {
			f.Tiers = append(f.Tiers, ui.Option{Value: t.String(), Text: w.t(r, "tier."+t.String()), Selected: t == f.Tier})
		}
	}
	for _, x := range postern.Reasons {
		if x != postern.ReasonSupport {
			f.Reasons = append(f.Reasons, ui.Option{Value: x.String(), Text: w.t(r, "reason."+x.String()), Selected: x == reason})
		}
	}
	return emergencyData{Ask: f, Address: address, Deepest: deepest}, nil
}

// about finds whom it is about: a case's customer, or an address.
func (w *Web) about(r *http.Request, s staff.Session, values func(string) string) (k *desk.Case, a postern.AccountID, address string, err error) {
	if id := postern.CaseID(values("case")); id != "" {
		found, _, err := w.Desk.Case(r.Context(), s, id)
		return &found, found.Account, found.Address, err
	}
	if address = strings.TrimSpace(values("address")); address == "" {
		return nil, "", "", nil
	}
	if w.Find == nil {
		return nil, "", address, &postern.Error{Kind: postern.Unavailable, Text: "there is no directory of addresses here"}
	}
	a, err = w.Find(r.Context(), address)
	return nil, a, address, err
}

// mayUrge keeps the directory of addresses from whoever could not ask anyway.
func (w *Web) mayUrge(s staff.Session) error {
	if !s.Is(staff.Agent) && !s.Is(staff.Responder) || s.OrganisationKind != "provider" {
		return &postern.Error{Kind: postern.Denied, Key: gate.RefusedEmergency, Text: "only the provider's agents and responders ask for emergency access"}
	}
	return nil
}

func (w *Web) emergencyPage(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	if err := w.mayUrge(s); err != nil {
		return err
	}
	k, _, address, err := w.about(r, s, r.URL.Query().Get)
	if err != nil {
		return err
	}
	d, err := w.urgent(r, k, address, postern.TierNone, 15, postern.ReasonService)
	if err != nil {
		return err
	}
	w.ui.Page(rw, r, http.StatusOK, "emergency", w.page(r, s, "desk.emergency.title", d))
	return nil
}

func (w *Web) emergency(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	if err := w.mayUrge(s); err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return &postern.Error{Kind: postern.Invalid, Text: "couldn't read the form", Err: err}
	}
	a, typed, err := w.asked(r, s)
	if err != nil && postern.KindOf(err) != postern.Invalid {
		return err
	}
	k, account, address, found := w.about(r, s, r.PostFormValue)
	if found != nil {
		return found
	}
	a.Account, a.Emergency = account, true
	if k != nil {
		a.Case = k.ID
	}
	if a.Tier == postern.TierAccount {
		a.Scope = postern.Scope{}
	}
	var made gate.Request
	if err == nil {
		made, err = w.Gate.Ask(r.Context(), s, a)
	}
	if err == nil {
		http.Redirect(rw, r, "/requests/"+string(made.ID), http.StatusSeeOther)
		return nil
	}
	if postern.KindOf(err) != postern.Invalid && postern.KindOf(err) != postern.Conflict {
		return err
	}
	d, none := w.urgent(r, k, address, a.Tier, int(a.For/time.Minute), a.Reason)
	if none != nil {
		return none
	}
	d.Ask.Sentence, d.Ask.Mailbox, d.Ask.Since, d.Ask.Until = typed.Sentence, typed.Mailbox, typed.Since, typed.Until
	p := w.page(r, s, "desk.emergency.title", d)
	p.Errors = []ui.Problem{{Field: fieldOf(postern.KeyOf(err)), Text: w.ui.Sentence(w.ui.Lang(r), err)}}
	w.ui.Page(rw, r, ui.StatusOf(err), "emergency", p)
	return nil
}

// holdRow is a legal hold with its words.
type holdRow struct {
	gate.Hold
	State string // "proposed", "running", "over"
	Mine  bool   // whoever looks made it
}

// holdsData are the legal holds, and what was typed into the form.
type holdsData struct {
	Holds                                []holdRow
	Approver, Responder                  bool
	Address, Until, Authority, Reference string
}

func (w *Web) holds(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return w.showHolds(rw, r, s, holdsData{}, nil)
}

func (w *Web) showHolds(rw http.ResponseWriter, r *http.Request, s staff.Session, d holdsData, problem error) error {
	all, err := w.Gate.Holds(r.Context(), s)
	if err != nil {
		return err
	}
	d.Approver, d.Responder = s.Is(staff.Approver), s.Is(staff.Responder)
	for _, h := range all {
		row := holdRow{Hold: h, State: "over", Mine: h.MadeBy == s.Staff}
		switch {
		case h.Running(w.Now()):
			row.State = "running"
		case h.Confirmed.IsZero() && h.Ended.IsZero() && w.Now().Before(h.Until):
			row.State = "proposed"
		}
		d.Holds = append(d.Holds, row)
	}
	p := w.page(r, s, "desk.holds.title", d)
	status := http.StatusOK
	if problem != nil {
		field := map[string]string{"hold-until": "until", "date": "until", "hold-authority": "authority", "hold-reference": "reference"}[last(postern.KeyOf(problem))]
		if field == "" {
			field = "address"
		}
		p.Errors = []ui.Problem{{Field: field, Text: w.ui.Sentence(w.ui.Lang(r), problem)}}
		status = ui.StatusOf(problem)
	}
	w.ui.Page(rw, r, status, "holds", p)
	return nil
}

func (w *Web) makeHold(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	if !s.Is(staff.Approver) {
		return &postern.Error{Kind: postern.Denied, Key: gate.RefusedNotApprover, Text: "only approvers make holds"}
	}
	d := holdsData{Address: strings.TrimSpace(r.PostFormValue("address")), Until: r.PostFormValue("until"), Authority: r.PostFormValue("authority"), Reference: r.PostFormValue("reference")}
	_, account, _, err := w.about(r, s, r.PostFormValue)
	var until time.Time
	if err == nil {
		until, err = w.day(d.Until)
	}
	if err == nil {
		_, err = w.Gate.MakeHold(r.Context(), s, gate.Hold{Account: account, Until: until, Authority: d.Authority, Reference: d.Reference})
	}
	switch postern.KindOf(err) {
	case postern.Invalid, postern.NotFound:
		return w.showHolds(rw, r, s, d, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(rw, r, "/holds", http.StatusSeeOther)
	return nil
}

func (w *Web) confirmHold(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return w.held(rw, r, w.Gate.ConfirmHold(r.Context(), s, r.PathValue("id")))
}

func (w *Web) endHold(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return w.held(rw, r, w.Gate.EndHold(r.Context(), s, r.PathValue("id")))
}

func (w *Web) held(rw http.ResponseWriter, r *http.Request, err error) error {
	if err == nil {
		http.Redirect(rw, r, "/holds", http.StatusSeeOther)
	}
	return err
}
