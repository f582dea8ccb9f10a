package web

import (
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/scope"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

// perPage is how many accounts a page of a scope lists.
const perPage = 50

type scopePageView struct {
	Incident  incident.Incident
	Path      string
	Responder bool
	Scope     *scopeView
	Versions  []scope.Scope
	Rows      []exposureRow
	Filter    string // what the rows are narrowed to: a key
	Tier      postern.Tier
	Older     string
	Form      scopeForm
}

// scopeView is a saved scope's table of totals.
type scopeView struct {
	scope.Scope
	Href string
	Rows []totalRow
}

// totalRow is one tier. Accounts counts those of which nothing deeper was shown,
// so that the column adds up to the accounts affected.
type totalRow struct {
	Tier                                    postern.Tier
	Accounts, Messages, Disclosures, Erased int
	AccountsHref, DisclosuresHref           string
}

type exposureRow struct {
	scope.Exposure
	Href string
}

// scopeForm is what a scope can be narrowed by, with what the alerts suggest
// ticked.
type scopeForm struct {
	Credentials, Sessions, Staff []choice
	Networks                     []choice
	Since, Until                 string
}

type choice struct {
	Value, Text, Hint string
	Checked           bool
}

func scopeViewOf(sc scope.Scope, path string) *scopeView {
	v := &scopeView{Scope: sc, Href: path + "/scope?version=" + strconv.Itoa(sc.Version)}
	for i := len(postern.Tiers) - 1; i >= 0; i-- {
		tier := postern.Tiers[i]
		by, ok := sc.Totals.ByTier[tier]
		if !ok {
			continue
		}
		v.Rows = append(v.Rows, totalRow{Tier: tier, Accounts: sc.Totals.Deepest[tier], Messages: by.Messages, Disclosures: by.Disclosures, Erased: by.Erased,
			AccountsHref: v.Href + "&deepest=1&tier=" + tier.String(), DisclosuresHref: v.Href + "&tier=" + tier.String()})
	}
	return v
}

func (w *Web) scopePage(q request) error {
	id := postern.IncidentID(q.PathValue("id"))
	d, err := w.incidentData(q, id)
	if err != nil {
		return err
	}
	v := scopePageView{Incident: d.Incident, Path: d.Path, Responder: d.Responder}
	form := q.URL.Query()
	version, _ := strconv.Atoi(form.Get("version"))
	f := scope.ExposureFilter{After: postern.AccountID(form.Get("after")), Limit: perPage + 1, Deepest: form.Get("deepest") == "1"}
	if tier, ok := postern.TierNamed(form.Get("tier")); ok {
		f.Tier, v.Tier, v.Filter = tier, tier, "scope.filter.tier"
		if f.Deepest {
			v.Filter = "scope.filter.deepest"
		}
	} else {
		f.Deepest = false
	}
	sc, err := w.Response.SavedScope(q.Context(), id, version, f)
	switch {
	case err == nil:
		v.Scope = scopeViewOf(sc, d.Path)
		v.page(sc.Exposures, form.Get("tier"), f.Deepest)
	case postern.KindOf(err) != postern.NotFound || version != 0:
		return err
	}
	if v.Versions, err = w.Response.Scopes(q.Context(), id); err != nil {
		return err
	}
	if v.Responder && d.State != incident.StateClosed {
		if v.Form, err = w.scopeForm(q, d); err != nil {
			return err
		}
	}
	p := w.frame(q.Request, q.by, w.say(q, "scope.title", "number", d.Number))
	p.Data, p.Wide = v, true
	return w.show(q, "scope", p)
}

// page cuts the exposures after the last whole account of the page.
func (v *scopePageView) page(exposures []scope.Exposure, tier string, deepest bool) {
	accounts, last := 0, postern.AccountID("")
	for _, e := range exposures {
		if e.Account != last {
			if accounts++; accounts > perPage {
				v.Older = v.Scope.Href + "&" + queryOf("tier", tier, "after", string(last))
				if deepest {
					v.Older += "&deepest=1"
				}
				return
			}
			last = e.Account
		}
		v.Rows = append(v.Rows, exposureRow{e, v.Path + "/scope/" + strconv.Itoa(v.Scope.Version) + "/" + string(e.Account)})
	}
}

// scopeForm offers what the incident's alerts point at.
func (w *Web) scopeForm(q request, d incidentView) (f scopeForm, err error) {
	seen := map[string]bool{}
	once := func(s string) bool {
		defer func() { seen[s] = true }()
		return s != "" && !seen[s]
	}
	for _, a := range d.Alerts {
		if !once(string(a.Staff)) {
			continue
		}
		f.Staff = append(f.Staff, choice{Value: string(a.Staff), Text: a.StaffName})
		credentials, err := w.Staff.CredentialsOf(q.Context(), a.Staff)
		if err != nil {
			return f, err
		}
		for _, c := range credentials {
			f.Credentials = append(f.Credentials, choice{Value: string(c.ID), Text: a.StaffName, Hint: w.credentialWords(q, c), Checked: c.ID == a.Credential})
			seen[string(c.ID)] = true
		}
		sessions, err := w.Response.SessionsOf(q.Context(), a.Staff)
		if err != nil {
			return f, err
		}
		for _, s := range sessions {
			hint := s.Network
			if s.Fresh {
				hint += " · " + w.say(q, "session.fresh")
			}
			f.Sessions = append(f.Sessions, choice{Value: string(s.ID), Text: a.StaffName + ", " + ui.DateTime(w.ui.Lang(q.Request), s.Last), Hint: hint})
			if s.Fresh && once(s.Network) {
				f.Networks = append(f.Networks, choice{Value: s.Network, Text: s.Network})
			}
		}
	}
	for _, c := range d.Ended { // what was ended by hand belongs to it too
		if c.Kind == "credential" && once(c.Subject) {
			f.Credentials = append(f.Credentials, choice{Value: c.Subject, Text: c.Label, Checked: true})
		}
		if c.Kind == "session" && once(c.Subject) {
			f.Sessions = append(f.Sessions, choice{Value: c.Subject, Text: c.Label, Checked: true})
		}
	}
	return f, nil
}

func (w *Web) credentialWords(q request, c staff.Credential) string {
	words := w.say(q, "credential."+c.Kind)
	if c.Label != "" {
		words += " (" + c.Label + ")"
	}
	return words
}

func (w *Web) scope(q request) error {
	if err := q.ParseForm(); err != nil {
		return err
	}
	s, err := selector(q.PostForm)
	if err != nil {
		return err
	}
	id := postern.IncidentID(q.PathValue("id"))
	if _, err := w.Response.Scope(q.Context(), q.by, id, s); err != nil {
		return err
	}
	return w.did(q, incidentPath(id)+"/scope", "scoped")
}

// selector reads the form's answer. Times are UTC, as the page says.
func selector(form map[string][]string) (s scope.Selector, err error) {
	for _, v := range form["credential"] {
		s.Credentials = append(s.Credentials, postern.CredentialID(v))
	}
	for _, v := range form["session"] {
		s.Sessions = append(s.Sessions, postern.SessionID(v))
	}
	for _, v := range form["staff"] {
		s.Staff = append(s.Staff, postern.StaffID(v))
	}
	s.Networks = append(s.Networks, form["network"]...)
	for _, more := range form["networks"] {
		s.Networks = append(s.Networks, strings.Fields(strings.ReplaceAll(more, ",", " "))...)
	}
	if total := len(s.Credentials) + len(s.Sessions) + len(s.Staff) + len(s.Networks); total > 1000 {
		return s, &postern.Error{Kind: postern.Invalid, Key: "response.invalid.selector-long", Text: "choose at most 1000 at once"}
	}
	for _, t := range []struct {
		name string
		to   *time.Time
	}{{"since", &s.Since}, {"until", &s.Until}} {
		if len(form[t.name]) == 0 || form[t.name][0] == "" {
			continue
		}
		if *t.to, err = time.Parse("2006-01-02T15:04", form[t.name][0]); err != nil {
			return s, &postern.Error{Kind: postern.Invalid, Key: "response.invalid.time", Text: "write a time as 2026-05-14T09:30", Err: err}
		}
	}
	return s, nil
}

type exposureView struct {
	Incident  incident.Incident
	Path      string
	Back      string
	Version   int
	Account   postern.AccountID
	Exposures []scope.Exposure
	Preview   string
}

func (w *Web) exposure(q request) error {
	id := postern.IncidentID(q.PathValue("id"))
	in, err := w.Response.Incident(q.Context(), id)
	if err != nil {
		return err
	}
	version, err := strconv.Atoi(q.PathValue("version"))
	if err != nil || version < 1 {
		return errNothing
	}
	v := exposureView{Incident: in, Path: incidentPath(id), Version: version, Account: postern.AccountID(q.PathValue("account"))}
	sc, err := w.Response.SavedScope(q.Context(), id, version, scope.ExposureFilter{Account: v.Account})
	if err != nil {
		return err
	}
	if len(sc.Exposures) == 0 {
		return errNothing
	}
	v.Exposures = sc.Exposures
	v.Back, v.Preview = v.Path+"/scope?version="+strconv.Itoa(version), v.Path+"/notices?account="+string(v.Account)
	p := w.frame(q.Request, q.by, w.say(q, "exposure.title", "account", string(v.Account)[:min(8, len(v.Account))]))
	p.Data, p.Wide = v, true
	return w.show(q, "exposure", p)
}
