package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/history"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

// historyData is what was asked for, what became of it, and what was done then.
type historyData struct {
	All                      bool // of everybody, not only one's own
	Entries                  []historyRow
	Name, Address, Words     string
	Since, Until             string
	Tiers, Reasons, Outcomes []ui.Option
	Next, First              string
}

type historyRow struct {
	history.Entry
	Row  *requestRow // of a request
	Text string      // of a refusal
	What string
	Case *desk.Case
}

var outcomes = [...]string{"", gate.Waiting, gate.Granted, gate.Refused, gate.Expired, history.Denied}

func (w *Web) history(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	q := r.URL.Query()
	d := historyData{All: s.Is(staff.Approver) || s.Is(staff.Auditor) || s.Is(staff.Responder), Name: q.Get("name"), Address: strings.TrimSpace(q.Get("address")),
		Words: q.Get("words"), Since: q.Get("since"), Until: q.Get("until")}
	f := history.Filter{Name: d.Name, Words: d.Words, Case: postern.CaseID(q.Get("case")), After: q.Get("after")}
	f.Tier, _ = postern.TierNamed(q.Get("tier"))
	f.Reason, _ = postern.ReasonNamed(q.Get("reason"))
	any := func(chosen bool) ui.Option { return ui.Option{Text: w.t(r, "desk.history.any"), Selected: chosen} }
	d.Tiers, d.Reasons = []ui.Option{any(f.Tier == 0)}, []ui.Option{any(f.Reason == 0)}
	for _, t := range postern.Tiers {
		d.Tiers = append(d.Tiers, ui.Option{Value: t.String(), Text: w.t(r, "tier."+t.String()), Selected: t == f.Tier})
	}
	for _, x := range postern.Reasons {
		d.Reasons = append(d.Reasons, ui.Option{Value: x.String(), Text: w.t(r, "reason."+x.String()), Selected: x == f.Reason})
	}
	for _, o := range outcomes {
		one := any(q.Get("outcome") == "")
		if o != "" {
			one = ui.Option{Value: o, Text: w.t(r, "desk.outcome."+o), Selected: q.Get("outcome") == o}
		}
		if d.Outcomes = append(d.Outcomes, one); one.Selected {
			f.Outcome = o
		}
	}
	var err error
	if f.Since, err = w.day(d.Since); err != nil {
		return err
	}
	if f.Until, err = w.day(d.Until); err != nil {
		return err
	}
	if !f.Until.IsZero() {
		f.Until = f.Until.AddDate(0, 0, 1) // the day that was named counts
	}
	if d.All && d.Address != "" && w.Find != nil {
		f.Account, err = w.Find(r.Context(), d.Address)
		if postern.KindOf(err) == postern.NotFound {
			f.Account, err = "nobody", nil
		}
		if err != nil {
			return err
		}
	}
	found, next, err := w.History.Find(r.Context(), s, f)
	if err != nil {
		return err
	}
	known := map[postern.CaseID]*desk.Case{}
	for _, e := range found {
		row := historyRow{Entry: e}
		id := postern.CaseID("")
		if e.Request != nil {
			one := w.row(r, *e.Request)
			row.Row, id = &one, e.Request.Case
		} else {
			row.Text, row.What, id = w.t(r, e.Refusal.Key), w.t(r, "desk.tried."+e.Refusal.What), e.Refusal.Case
		}
		k, ok := known[id]
		if !ok {
			// An auditor sees no cases, and a case can be gone.
			k, err = w.caseOf(r, s, id)
			if kind := postern.KindOf(err); err != nil && kind != postern.NotFound && kind != postern.Denied {
				return err
			}
			known[id] = k
		}
		row.Case = k
		d.Entries = append(d.Entries, row)
	}
	link := func(after string) string {
		v := url.Values{}
		for key, values := range q {
			if key != "after" && len(values) > 0 && values[0] != "" {
				v.Set(key, values[0])
			}
		}
		if after != "" {
			v.Set("after", after)
		}
		return withQuery("/history", v)
	}
	if next != "" {
		d.Next = link(next)
	}
	if f.After != "" {
		d.First = link("")
	}
	title := "desk.history.title"
	if d.All {
		title = "desk.history.all"
	}
	p := w.page(r, s, title, d)
	p.Wide = true
	w.ui.Page(rw, r, http.StatusOK, "history", p)
	return nil
}
