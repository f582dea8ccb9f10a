package web

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/fields"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

// revealed is what every page that shows something of a customer's has.
type revealed struct {
	Grant      gate.Grant
	Case       *desk.Case
	Scope      string
	Agreed     string
	Disclosure postern.DisclosureID
	Script     string
	Stream     string // says when it ends
	Done       string // what a page says then
}

func (w *Web) reveal(r *http.Request, s staff.Session, d *gate.Delivery) (revealed, error) {
	k, err := w.caseOf(r, s, d.Grant.Case)
	return revealed{Grant: d.Grant, Case: k, Scope: w.scope(r, d.Grant.Tier, d.Grant.Messages), Agreed: w.agreed(r, d.Grant.AgreedBy),
		Disclosure: d.Disclosure, Script: w.script, Stream: "/grants/" + string(d.Grant.ID) + "/events", Done: w.t(r, gate.RefusedGrantEnded)}, err
}

// through is a page that goes through the gate's writer: no byte of it leaves
// once what it hangs on has ended.
type through struct {
	http.ResponseWriter
	out io.Writer
}

func (t through) Write(p []byte) (int, error) { return t.out.Write(p) }

// Unwrap lets http.ResponseController find the connection.
func (t through) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// show sends a page with something revealed: under a watermark, through the
// delivery's writer, and replaced by the browser itself at the grant's end even
// when no script runs.
func (w *Web) show(rw http.ResponseWriter, r *http.Request, s staff.Session, d *gate.Delivery, page string, p ui.Page) {
	p.Watermark = s.Name + " · " + w.Now().In(w.Zone).Format("2006-01-02 15:04")
	p.Ends = "" // the stream of the grant tells of the session too: one connection a page
	left := d.Grant.Until.Sub(w.Now())
	rw.Header().Set("Refresh", strconv.Itoa(int(left/time.Second)+1))
	w.ui.Page(through{rw, d.Writer(rw)}, r, http.StatusOK, page, p)
}

// diagnosisData is the tier account.
type diagnosisData struct {
	revealed
	Account  postern.ShownAccount
	Findings []sentence
	Sources  []desk.SignInGroup
	Percent  int64
}

// sentence is a finding in words.
type sentence struct{ Kind, Icon, Text string }

func (w *Web) diagnosis(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	found, err := w.Desk.Diagnose(r.Context(), s, postern.CaseID(r.PathValue("id")))
	if err != nil {
		return err
	}
	defer found.Delivery.Done()
	d := diagnosisData{Account: *found.Account, Findings: w.sentences(r, found.Findings), Sources: desk.GroupSignIns(found.Account.SignIns)}
	if d.revealed, err = w.reveal(r, s, found.Delivery); err != nil {
		return err
	}
	if d.Account.QuotaBytes > 0 {
		d.Percent = d.Account.UsedBytes * 100 / d.Account.QuotaBytes
	}
	w.show(rw, r, s, found.Delivery, "diagnosis", w.page(r, s, "desk.diagnosis.title", d))
	return nil
}

// findingArgs names the arguments of each finding, in desk's order.
var findingArgs = map[string][]string{
	desk.FoundQuotaFull: {"percent", "used", "allowed"}, desk.FoundQuotaHigh: {"percent", "used", "allowed"},
	desk.FoundQueued: {"count"}, desk.FoundSavedWrong: {"protocol", "count", "network"}, desk.FoundFailing: {"count", "network", "time"},
	desk.FoundGuessing: {"count", "networks"}, desk.FoundJunked: {"count"}, desk.FoundTurned: {"count"}, desk.FoundBounced: {"count"},
	desk.FoundUnderWay: {"count"}, desk.FoundDelivered: {"count"}, desk.FoundFilters: {"count"}, desk.FoundBouncedLately: {"count"},
	desk.FoundStranger: {"network", "time"}, desk.FoundLastArrived: {"time"},
}

// counted are the findings whose sentence has plural forms.
var counted = map[string]bool{desk.FoundQueued: true, desk.FoundJunked: true, desk.FoundTurned: true, desk.FoundBounced: true, desk.FoundUnderWay: true, desk.FoundDelivered: true, desk.FoundFilters: true, desk.FoundBouncedLately: true}

func (w *Web) sentences(r *http.Request, all []desk.Finding) []sentence {
	lang := w.ui.Lang(r)
	list := make([]sentence, 0, len(all))
	for _, f := range all {
		var pairs []any
		n := 0
		for i, name := range findingArgs[f.Key] {
			if i >= len(f.Args) {
				break
			}
			v := f.Args[i]
			switch x := v.(type) {
			case int64:
				v = ui.Bytes(lang, x)
			case int:
				n = x
			case time.Time:
				v = ui.DateTime(lang, x.In(w.Zone))
			}
			pairs = append(pairs, name, v)
		}
		out := sentence{Text: w.ui.Words().T(lang, f.Key, pairs...)}
		if counted[f.Key] {
			out.Text = w.ui.Words().TN(lang, f.Key, n, pairs...)
		}
		switch f.Severity {
		case desk.Good:
			out.Kind, out.Icon = "ok", "circle-check"
		case desk.Note:
			out.Kind, out.Icon = "info", "info"
		case desk.Warning:
			out.Kind, out.Icon = "warn", "triangle-alert"
		case desk.Problem:
			out.Kind, out.Icon = "danger", "octagon-alert"
		}
		list = append(list, out)
	}
	return list
}

// traceData is the tier trace; without a query it is the form alone.
type traceData struct {
	revealed
	Query    string
	Asked    bool
	Findings []sentence
	Words    []sentence // verdicts and refusals, explained
	Events   []postern.TraceEvent
	Problem  string
}

func (w *Web) trace(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	k, _, err := w.Desk.Case(r.Context(), s, postern.CaseID(r.PathValue("id")))
	if err != nil {
		return err
	}
	d := traceData{Query: strings.TrimSpace(r.URL.Query().Get("query"))}
	d.Case = &k
	if d.Query == "" {
		w.ui.Page(rw, r, http.StatusOK, "trace", w.page(r, s, "desk.trace.title", d))
		return nil
	}
	found, err := w.Desk.Trace(r.Context(), s, k.ID, d.Query)
	if postern.KindOf(err) == postern.Invalid {
		d.Problem = w.ui.Sentence(w.ui.Lang(r), err)
		p := w.page(r, s, "desk.trace.title", d)
		p.Errors = []ui.Problem{{Field: "query", Text: d.Problem}}
		w.ui.Page(rw, r, http.StatusUnprocessableEntity, "trace", p)
		return nil
	}
	if err != nil {
		return err
	}
	defer found.Delivery.Done()
	if d.revealed, err = w.reveal(r, s, found.Delivery); err != nil {
		return err
	}
	d.Asked, d.Findings, d.Events = true, w.sentences(r, found.Findings), found.Events
	d.Words = w.explained(r, found.Events)
	p := w.page(r, s, "desk.trace.title", d)
	p.Wide = true
	w.show(rw, r, s, found.Delivery, "trace", p)
	return nil
}

// grantData is the list of envelopes.
type grantData struct {
	revealed
	Messages []envelopeRow
	Content  bool // the grant goes as deep as a message's text
	Masked   int
}

// grant shows the envelopes of a grant's messages; one that is shallower leads
// to its own page.
func (w *Web) grant(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	g, err := w.grantOf(r, s)
	if err != nil {
		return err
	}
	if g.Tier < postern.TierEnvelope || len(g.Messages) == 0 {
		return w.shallow(rw, r, s, g)
	}
	found, err := w.Gate.Reveal(r.Context(), s, gate.Want{Grant: g.ID, Tier: postern.TierEnvelope, Messages: g.Messages})
	if err != nil {
		return w.locked(rw, r, s, g, postern.TierEnvelope, g.Messages, err)
	}
	defer found.Done()
	d := grantData{Messages: envelopeRows(found.Shown.Messages), Content: g.Tier >= postern.TierContent}
	if d.revealed, err = w.reveal(r, s, found); err != nil {
		return err
	}
	for _, m := range d.Messages {
		if m.Masked {
			d.Masked++
		}
	}
	p := w.page(r, s, "desk.grant.title", d)
	p.Wide = true
	w.show(rw, r, s, found, "grant", p)
	return nil
}

// shallow shows a grant that names no message.
func (w *Web) shallow(rw http.ResponseWriter, r *http.Request, s staff.Session, g gate.Grant) error {
	if g.Case != "" && len(g.Messages) == 0 && g.Tier >= postern.TierAccount {
		http.Redirect(rw, r, "/cases/"+string(g.Case)+"/diagnosis", http.StatusSeeOther)
		return nil
	}
	found, err := w.Gate.Reveal(r.Context(), s, gate.Want{Grant: g.ID, Tier: min(g.Tier, postern.TierTrace), Messages: g.Messages})
	if err != nil {
		return w.locked(rw, r, s, g, g.Tier, g.Messages, err)
	}
	defer found.Done()
	rv, err := w.reveal(r, s, found)
	if err != nil {
		return err
	}
	if found.Shown.Account != nil {
		d := diagnosisData{revealed: rv, Account: *found.Shown.Account}
		if d.Account.QuotaBytes > 0 {
			d.Percent = d.Account.UsedBytes * 100 / d.Account.QuotaBytes
		}
		w.show(rw, r, s, found, "diagnosis", w.page(r, s, "desk.diagnosis.title", d))
		return nil
	}
	d := traceData{revealed: rv, Asked: true}
	for _, e := range found.Shown.Trace {
		if e.Message != "" { // what was never stored is not what this grant names
			d.Events = append(d.Events, e)
		}
	}
	p := w.page(r, s, "desk.trace.title", d)
	p.Wide = true
	w.show(rw, r, s, found, "trace", p)
	return nil
}

// grantOf gives a grant; that it is another session's is for the gate to refuse
// and write down.
func (w *Web) grantOf(r *http.Request, s staff.Session) (gate.Grant, error) {
	g, err := w.Gate.Grant(r.Context(), postern.GrantID(r.PathValue("id")))
	if err == nil && g.Staff != s.Staff {
		// What it is for is nobody else's business; the gate still writes down
		// that somebody tried.
		_, err = w.Gate.Reveal(r.Context(), s, gate.Want{Grant: g.ID, Tier: postern.TierAccount})
	}
	return g, err
}

// messageData is one message.
type messageData struct {
	revealed
	Message postern.ShownMessage
	Deeper  bool // this page shows attachments too
	CanDeep bool // the grant would
	Text    string
}

func (w *Web) message(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	g, err := w.grantOf(r, s)
	if err != nil {
		return err
	}
	id := postern.MessageID(r.PathValue("mid"))
	want := gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: []postern.MessageID{id}}
	deeper := r.URL.Query().Get("tier") == postern.TierAttachment.String()
	if deeper {
		want.Tier, want.Fields = postern.TierAttachment, fields.Usual(postern.TierAttachment)&^postern.FieldSource
	}
	found, err := w.Gate.Reveal(r.Context(), s, want)
	if err != nil {
		return w.locked(rw, r, s, g, want.Tier, want.Messages, err)
	}
	defer found.Done()
	if len(found.Shown.Messages) != 1 {
		return &postern.Error{Kind: postern.NotFound, Key: "gate.unknown.message", Text: "there is no such message"}
	}
	d := messageData{Message: found.Shown.Messages[0], Deeper: deeper, CanDeep: g.Tier >= postern.TierAttachment && !deeper}
	if d.revealed, err = w.reveal(r, s, found); err != nil {
		return err
	}
	// The sender's HTML is not shown here: no page of the staff's runs a
	// stranger's markup. The mail plane gives plain text beside it.
	d.Text = d.Message.Plain
	w.show(rw, r, s, found, "message", w.page(r, s, "desk.message.title", d))
	return nil
}

// locked answers a refusal of the gate at the point where it refused: with the
// form that asks for what was wanted.
func (w *Web) locked(rw http.ResponseWriter, r *http.Request, s staff.Session, g gate.Grant, tier postern.Tier, ids []postern.MessageID, err error) error {
	if postern.KindOf(err) != postern.Withheld || g.Staff != s.Staff {
		return err
	}
	k, caseErr := w.caseOf(r, s, g.Case)
	if caseErr != nil || k == nil || k.Status == desk.StatusClosed {
		return err
	}
	form := w.newForm(r, k, k.Address, tier)
	if len(ids) == 1 {
		form.Messages = []string{string(ids[0])}
	}
	w.refused(rw, r, s, err, form)
	return nil
}

// attachment sends one attachment as a file.
func (w *Web) attachment(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 0 {
		return errNoAttachment
	}
	return w.download(rw, r, s, postern.FieldAttachments, func(m postern.ShownMessage) (string, []byte, error) {
		if n >= len(m.Attachments) {
			return "", nil, errNoAttachment
		}
		name := m.Attachments[n].Name
		if name == "" {
			name = fmt.Sprintf("attachment-%d", n+1)
		}
		return name, m.Attachments[n].Bytes, nil
	})
}

var errNoAttachment = &postern.Error{Kind: postern.NotFound, Key: "desk.unknown.attachment", Text: "there is no such attachment"}

// source sends the raw message.
func (w *Web) source(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return w.download(rw, r, s, postern.FieldSource, func(m postern.ShownMessage) (string, []byte, error) {
		return string(m.ID) + ".eml", m.Source, nil
	})
}

func (w *Web) download(rw http.ResponseWriter, r *http.Request, s staff.Session, field postern.Field, part func(postern.ShownMessage) (string, []byte, error)) error {
	g, err := w.grantOf(r, s)
	if err != nil {
		return err
	}
	ids := []postern.MessageID{postern.MessageID(r.PathValue("mid"))}
	found, err := w.Gate.Reveal(r.Context(), s, gate.Want{Grant: g.ID, Tier: postern.TierAttachment, Messages: ids, Fields: field})
	if err != nil {
		return w.locked(rw, r, s, g, postern.TierAttachment, ids, err)
	}
	defer found.Done()
	if len(found.Shown.Messages) != 1 || found.Shown.Messages[0].Masked {
		return errNoAttachment
	}
	name, bytes, err := part(found.Shown.Messages[0])
	if err != nil {
		return err
	}
	// Never opened by the browser in this origin, whatever it says it is.
	rw.Header().Set("Content-Type", "application/octet-stream")
	rw.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	rw.Header().Set("Content-Length", strconv.Itoa(len(bytes)))
	_, _ = found.Writer(rw).Write(bytes) // what fails here is the connection, or the gate's word that it is over
	return nil
}

func (w *Web) closeGrant(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	g, err := w.grantOf(r, s)
	if err == nil {
		err = w.Gate.Close(r.Context(), s, g.ID)
	}
	if err != nil {
		return err
	}
	to := "/grants"
	if g.Case != "" {
		to = "/cases/" + string(g.Case)
	}
	http.Redirect(rw, r, to, http.StatusSeeOther)
	return nil
}
