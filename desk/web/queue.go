package web

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

// queueData is the queue.
type queueData struct {
	Views         []viewTab
	Cases         []caseRow
	Kept          map[string]string // of the filter, what the form doesn't ask
	Priorities    []ui.Option
	Sorts         []ui.Option
	Organisations []ui.Option
	First, Next   string // addresses
	Query, Filter string
	Saved         string // the id of the view that this is, when it may be dropped
	Manager       bool
	Empty         string // which empty state: "desk.queue.empty", …
}

// viewTab is one view over the queue.
type viewTab struct {
	Text, Href, Count string
	Current, Shared   bool
}

// caseClock is a case's clock as the page shows it.
type caseClock struct {
	State string // of desk.ClockState
	Due   time.Time
}

func (w *Web) clockOf(k desk.Case) caseClock {
	state, due := k.Clock(w.Now())
	return caseClock{string(state), due}
}

// caseRow is a line of the queue.
type caseRow struct {
	desk.Case
	Clock caseClock
}

// defaultViews are everybody's.
func defaultViews() []desk.View {
	return []desk.View{{Name: "desk.queue.all"}, {Name: "desk.queue.unassigned", Filter: desk.Filter{Unassigned: true}}, {Name: "desk.queue.mine", Filter: desk.Filter{Mine: true}},
		{Name: "desk.queue.open", Filter: desk.Filter{Status: desk.StatusOpen}}, {Name: "desk.queue.waiting", Filter: desk.Filter{Status: desk.StatusWaiting}},
		{Name: "desk.queue.late", Filter: desk.Filter{Late: true, Sort: desk.SortDue}}, {Name: "desk.queue.outside", Filter: desk.Filter{Outside: true}},
		{Name: "desk.queue.closed", Filter: desk.Filter{Status: desk.StatusClosed}}}
}

func (w *Web) queue(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	f, err := desk.ParseFilter(r.URL.Query())
	if err != nil {
		return err
	}
	found, err := w.Desk.Page(r.Context(), s, f)
	if err != nil {
		return err
	}
	saved, err := w.Desk.Views(r.Context(), s)
	if err != nil {
		return err
	}
	d := queueData{Query: f.Query, Filter: f.Values().Encode(), Empty: "desk.queue.empty", Manager: manages(s), Kept: map[string]string{}}
	for _, k := range found.Cases {
		d.Cases = append(d.Cases, caseRow{k, w.clockOf(k)})
	}
	switch {
	case f.Query != "":
		d.Empty = "desk.queue.empty-search"
	case f.Mine:
		d.Empty = "desk.queue.empty-mine"
	}
	standard := defaultViews()
	views := append(standard, saved...)
	filters := make([]desk.Filter, len(views))
	for i, v := range views {
		filters[i] = v.Filter
	}
	counts, err := w.Desk.Count(r.Context(), s, filters)
	if err != nil {
		return err
	}
	for i, v := range views {
		tab := viewTab{Text: v.Name, Href: withQuery("/cases", v.Filter.Values()), Count: strconv.Itoa(counts[i]), Shared: v.Shared, Current: v.Filter.Values().Encode() == d.Filter}
		if i < len(standard) {
			tab.Text = w.t(r, v.Name)
		} else if tab.Current && (!v.Shared || d.Manager) {
			d.Saved = v.ID
		}
		if counts[i] > desk.MostCounted {
			tab.Count = w.t(r, "desk.queue.many")
		}
		d.Views = append(d.Views, tab)
	}
	values := f.Values()
	for _, name := range []string{"status", "mine", "unassigned", "outside", "late", "q"} {
		if v := values.Get(name); v != "" {
			d.Kept[name] = v
		}
	}
	d.Priorities = append([]ui.Option{{Text: w.t(r, "desk.queue.any"), Selected: f.Priority == 0}}, w.priorities(r, f.Priority)...)
	for _, sort := range []string{desk.SortUpdated, desk.SortDue, desk.SortPriority} {
		d.Sorts = append(d.Sorts, ui.Option{Value: sort, Text: w.t(r, "desk.sort."+sort), Selected: sort == f.Sort})
	}
	if d.Organisations, err = w.organisations(r, s, f.Organisation, "desk.queue.any"); err != nil {
		return err
	}
	if f.After != "" {
		d.First = withQuery("/cases", values)
	}
	if found.Next != "" {
		values.Set("after", found.Next)
		d.Next = withQuery("/cases", values)
	}
	p := w.page(r, s, "desk.queue.title", d)
	p.Search = &ui.Search{Action: "/cases", Value: f.Query, Label: "desk.queue.search"}
	w.ui.Page(rw, r, http.StatusOK, "cases", p)
	return nil
}

func manages(s staff.Session) bool { return s.Is(staff.Approver) || s.Is(staff.Admin) }

func (w *Web) priorities(r *http.Request, now desk.Priority) (list []ui.Option) {
	for _, p := range desk.Priorities {
		list = append(list, ui.Option{Value: p.String(), Text: w.t(r, "desk.priority."+p.String()), Selected: p == now})
	}
	return list
}

// organisations gives those that a case may be given to; the first stands for
// none.
func (w *Web) organisations(r *http.Request, s staff.Session, now postern.OrganisationID, none string) ([]ui.Option, error) {
	all, err := w.Desk.Receivers(r.Context(), s)
	list := []ui.Option{{Text: w.t(r, none), Selected: now == ""}}
	for _, o := range all {
		list = append(list, ui.Option{Value: string(o.ID), Text: o.Name, Selected: o.ID == now})
	}
	return list, err
}

func (w *Web) saveView(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	v, err := url.ParseQuery(r.PostFormValue("filter"))
	if err != nil {
		return &postern.Error{Kind: postern.Invalid, Key: "desk.invalid.filter", Text: "the queue knows no such filter", Err: err}
	}
	f, err := desk.ParseFilter(v)
	if err == nil {
		err = w.Desk.SaveView(r.Context(), s, r.PostFormValue("name"), f, r.PostFormValue("shared") != "")
	}
	if err == nil {
		http.Redirect(rw, r, withQuery("/cases", f.Values()), http.StatusSeeOther)
	}
	return err
}

func (w *Web) dropView(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	err := w.Desk.DropView(r.Context(), s, r.PathValue("id"))
	if err == nil {
		http.Redirect(rw, r, "/cases", http.StatusSeeOther)
	}
	return err
}
