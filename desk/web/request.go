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

// requestRow is a request with its words.
type requestRow struct {
	gate.Request
	Scope    string // "12 envelopes, arrived 14 to 16 May"
	Standing string // a sentence
	Kind     string // of its badge
	Case     *desk.Case
	Href     string
	Agreed   string // "1 of 2 agreed (Mona, 14:02)"
}

var kinds = map[string]string{gate.Waiting: "warn", gate.Granted: "ok", gate.Refused: "danger", gate.Expired: ""}

func (w *Web) row(r *http.Request, q gate.Request) requestRow {
	if q.Answer == gate.AnswerAlways {
		q.Answer = w.t(r, gate.AnswerAlways)
	}
	return requestRow{Request: q, Agreed: w.agreements(r, q), Scope: w.scope(r, q.Tier, q.Messages), Standing: w.t(r, "desk.request."+q.Status),
		Kind: kinds[q.Status], Href: "/requests/" + string(q.ID)}
}

// scope says what a list of messages is: how many, at which depth, and when
// they arrived, which their ids tell without a look at them.
func (w *Web) scope(r *http.Request, tier postern.Tier, ids []postern.MessageID) string {
	if len(ids) == 0 {
		return ""
	}
	lang := w.ui.Lang(r)
	text := w.ui.Words().TN(lang, "desk.scope."+tier.String(), len(ids))
	var first, last time.Time
	for _, id := range ids {
		t := arrived(id)
		if t.IsZero() {
			return text
		}
		if first.IsZero() || t.Before(first) {
			first = t
		}
		if t.After(last) {
			last = t
		}
	}
	from, to := ui.Day(lang, first.In(w.Zone)), ui.Day(lang, last.In(w.Zone))
	if from == to {
		return text + w.t(r, "desk.scope.on", "date", from)
	}
	return text + w.t(r, "desk.scope.between", "from", from, "to", to)
}

// arrived reads the time in a message's id: its first 48 bits are milliseconds
// since 1970 (ids sort by time of arrival). Zero where they are no likely time.
func arrived(id postern.MessageID) time.Time {
	if len(id) != 32 {
		return time.Time{}
	}
	var ms int64
	for _, c := range id[:12] {
		switch {
		case '0' <= c && c <= '9':
			ms = ms<<4 | int64(c-'0')
		case 'a' <= c && c <= 'f':
			ms = ms<<4 | int64(c-'a'+10)
		default:
			return time.Time{}
		}
	}
	t := time.UnixMilli(ms).UTC()
	if t.Year() < 1990 || t.Year() > 2200 {
		return time.Time{}
	}
	return t
}

// requestData is the page of a request of one's own.
type requestData struct {
	requestRow
	Live  bool // its grant still runs
	Offer bool // a yes that came when the session was over: ask again
	Self  string
}

// request shows how a request stands. Scripts fetch it again every few seconds,
// the Refresh header does without them.
func (w *Web) request(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	q, err := w.own(r, s)
	if err != nil {
		return err
	}
	d := requestData{requestRow: w.row(r, q), Self: r.URL.Path}
	if d.Case, err = w.caseOf(r, s, q.Case); err != nil {
		return err
	}
	if q.Grant != "" {
		g, err := w.Gate.Grant(r.Context(), q.Grant)
		if err != nil {
			return err
		}
		d.Live = g.Live(w.Now()) && g.Session == s.ID
	}
	d.Offer = q.Status == gate.Granted && q.Grant == ""
	if d.Live && r.Header.Get("HX-Trigger") == "status" {
		rw.Header().Set("HX-Redirect", "/grants/"+string(q.Grant))
	}
	if q.Status == gate.Waiting && r.Header.Get("HX-Request") == "" {
		rw.Header().Set("Refresh", "30")
	}
	p := w.page(r, s, "desk.request.title", d)
	if r.Header.Get("HX-Trigger") == "status" {
		p.Fragment = "request-status"
	}
	w.ui.Page(rw, r, http.StatusOK, "request", p)
	return nil
}

// own gives a request of the member's; another's is not found.
func (w *Web) own(r *http.Request, s staff.Session) (gate.Request, error) {
	all, err := w.Gate.Requests(r.Context(), gate.RequestFilter{Staff: s.Staff, Limit: 500})
	if err != nil {
		return gate.Request{}, err
	}
	for _, q := range all {
		if string(q.ID) == r.PathValue("id") {
			return q, nil
		}
	}
	return gate.Request{}, &postern.Error{Kind: postern.NotFound, Key: "gate.unknown.request", Text: "there is no such request of yours"}
}

// caseOf gives a request's case, nil for none, and for one that was taken from
// the member's organisation since.
func (w *Web) caseOf(r *http.Request, s staff.Session, id postern.CaseID) (*desk.Case, error) {
	if id == "" {
		return nil, nil
	}
	k, _, err := w.Desk.Case(r.Context(), s, id)
	switch {
	case postern.KindOf(err) == postern.NotFound:
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &k, nil
}

func (w *Web) cancel(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	q, err := w.own(r, s)
	if err == nil {
		err = w.Gate.Cancel(r.Context(), s, q.ID)
	}
	if err != nil {
		return err
	}
	http.Redirect(rw, r, "/requests/"+string(q.ID), http.StatusSeeOther)
	return nil
}

// agreements says how many of several have agreed, and who.
func (w *Web) agreements(r *http.Request, q gate.Request) string {
	if q.Approvers < 2 || q.Status != gate.Waiting && len(q.Agreements) == 0 {
		return ""
	}
	names := make([]string, len(q.Agreements))
	for i, a := range q.Agreements {
		names[i] = a.Name + ", " + ui.Clock(w.ui.Lang(r), a.At.In(w.Zone))
	}
	if len(names) == 0 {
		return w.t(r, "desk.agreements.none", "all", q.Approvers)
	}
	return w.t(r, "desk.agreements", "n", len(names), "all", q.Approvers, "names", strings.Join(names, "; "))
}

// grantRow is a grant with its words.
type grantRow struct {
	gate.Grant
	Scope  string
	Agreed string
	Case   *desk.Case
}

// grantsData are this session's running grants.
type grantsData struct{ Grants []grantRow }

func (w *Web) grants(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	live, err := w.Gate.Grants(r.Context(), gate.GrantFilter{Session: s.ID, Live: true})
	if err != nil {
		return err
	}
	var d grantsData
	for _, g := range live {
		row := grantRow{Grant: g, Scope: w.scope(r, g.Tier, g.Messages), Agreed: w.agreed(r, g.AgreedBy)}
		if row.Case, err = w.caseOf(r, s, g.Case); err != nil {
			return err
		}
		d.Grants = append(d.Grants, row)
	}
	w.ui.Page(rw, r, http.StatusOK, "grants", w.page(r, s, "desk.grants.title", d))
	return nil
}
