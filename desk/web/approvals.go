package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
)

// approvalsData is what waits for the approver.
type approvalsData struct{ Requests []requestRow }

func (w *Web) approvals(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	waiting, err := w.Gate.Waiting(r.Context(), s)
	if err != nil {
		return err
	}
	var d approvalsData
	for _, q := range waiting {
		row := w.row(r, q)
		row.Href = "/approvals/" + string(q.ID)
		if s.Is(staff.Approver) {
			if row.Case, err = w.caseOf(r, s, q.Case); err != nil {
				return err
			}
		}
		d.Requests = append(d.Requests, row)
	}
	w.ui.Page(rw, r, http.StatusOK, "approvals", w.page(r, s, "desk.approvals.title", d))
	return nil
}

// approvalData is one request, as its approver sees it.
type approvalData struct {
	requestRow
	Words   string // the customer's own, latest
	WordsAt time.Time
	Flags   []sentence
	Tiers   []ui.Option
	Minutes []ui.Option
	Answer  string
}

func (w *Web) approval(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return w.showApproval(rw, r, s, http.StatusOK, nil)
}

func (w *Web) showApproval(rw http.ResponseWriter, r *http.Request, s staff.Session, status int, problem error) error {
	q, err := w.Gate.Request(r.Context(), postern.RequestID(r.PathValue("id")))
	if err != nil {
		return err
	}
	switch {
	case !s.Is(staff.Approver) && !(q.Emergency && s.Is(staff.Responder)):
		return &postern.Error{Kind: postern.Denied, Key: gate.RefusedNotApprover, Text: "only approvers see requests of others"}
	case s.OrganisationKind != "provider": // as if there were none: an outsourcer's agree to nothing
		return &postern.Error{Kind: postern.NotFound, Key: "gate.unknown.request", Text: "there is no such request"}
	case q.Staff == s.Staff:
		return &postern.Error{Kind: postern.Denied, Key: gate.RefusedOwnRequest, Text: "nobody agrees to a request of their own"}
	case q.Status != gate.Waiting && problem == nil:
		return &postern.Error{Kind: postern.Conflict, Key: "gate.conflict.answered", Text: "the request has been answered already"}
	}
	d := approvalData{requestRow: w.row(r, q), Answer: r.PostFormValue("sentence")}
	var k desk.Case
	var posts []desk.Post
	if q.Case != "" && s.Is(staff.Approver) {
		if k, posts, err = w.Desk.Case(r.Context(), s, q.Case); err != nil {
			return err
		}
		d.Case = &k
	}
	for _, p := range posts {
		if p.Kind == desk.KindCustomer {
			d.Words, d.WordsAt = p.Text, p.At
		}
	}
	if d.Flags, err = w.flags(r, q, k, d.WordsAt); err != nil {
		return err
	}
	for _, t := range postern.Tiers {
		if (t >= postern.TierTrace || q.Tier == postern.TierAccount) && t <= q.Tier {
			d.Tiers = append(d.Tiers, ui.Option{Value: t.String(), Text: w.t(r, "tier."+t.String()), Selected: t == q.Tier})
		}
	}
	asked := int(q.For / time.Minute)
	d.Minutes = w.lengths(r, asked, asked)
	if d.Minutes[len(d.Minutes)-1].Value != strconv.Itoa(asked) {
		d.Minutes = append(d.Minutes, ui.Option{Value: strconv.Itoa(asked), Text: w.ui.Words().Duration(w.ui.Lang(r), q.For), Selected: true})
	}
	p := w.page(r, s, "desk.approval.title", d)
	if problem != nil {
		p.Errors = []ui.Problem{{Field: "sentence", Text: w.ui.Sentence(w.ui.Lang(r), problem)}}
	}
	w.ui.Page(rw, r, status, "approval", p)
	return nil
}

// When a request deserves a second look.
const (
	manyMessages = 20
	manyAccounts = 5
	quiet        = 14 * 24 * time.Hour
)

// flags say what a tired approver should not miss. They come from cases and
// requests: an approval looks at no mailbox.
func (w *Web) flags(r *http.Request, q gate.Request, k desk.Case, words time.Time) ([]sentence, error) {
	var list []sentence
	flag := func(key string, pairs ...any) {
		list = append(list, sentence{Kind: "warn", Icon: "triangle-alert", Text: w.t(r, key, pairs...)})
	}
	if o, err := w.Staff.Organisations(r.Context()); err != nil {
		return nil, err
	} else {
		for _, one := range o {
			if one.ID == q.Organisation && one.Kind != "provider" {
				flag("desk.flag.outsourcer", "name", one.Name)
			}
		}
	}
	if q.Emergency {
		flag("desk.flag.emergency")
	}
	if len(q.Messages) > manyMessages {
		flag("desk.flag.many-messages", "count", len(q.Messages))
	}
	if len(q.Messages) == 0 && q.Tier > postern.TierAccount {
		flag("desk.flag.no-messages")
	}
	recent, err := w.Gate.Requests(r.Context(), gate.RequestFilter{Staff: q.Staff, Limit: 200})
	if err != nil {
		return nil, err
	}
	accounts, refused := map[postern.AccountID]bool{}, 0
	for _, other := range recent {
		if w.Now().Sub(other.Asked) > 24*time.Hour || other.Tier < postern.TierEnvelope {
			continue
		}
		accounts[other.Account] = true
		if other.Status == gate.Refused {
			refused++
		}
	}
	if len(accounts) > manyAccounts {
		flag("desk.flag.many-accounts", "name", q.StaffName, "count", len(accounts))
	}
	if refused > 0 {
		flag("desk.flag.refused", "count", refused)
	}
	if k.ID != "" && k.Assignee != q.Staff {
		flag("desk.flag.not-assigned", "name", q.StaffName)
	}
	if !words.IsZero() && w.Now().Sub(words) > quiet {
		flag("desk.flag.quiet", "date", ui.Day(w.ui.Lang(r), words.In(w.Zone)))
	}
	return list, nil
}

func (w *Web) answer(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	id := postern.RequestID(r.PathValue("id"))
	var err error
	switch r.PostFormValue("answer") {
	case "approve":
		var n gate.Narrow
		if n, err = w.narrowed(r, id); err == nil {
			_, err = w.Gate.Approve(r.Context(), s, id, n)
		}
	case "refuse":
		err = w.Gate.Refuse(r.Context(), s, id, r.PostFormValue("sentence"))
	default:
		err = &postern.Error{Kind: postern.Invalid, Key: "desk.invalid.answer", Text: "approve or refuse"}
	}
	if postern.KindOf(err) == postern.Invalid {
		return w.showApproval(rw, r, s, http.StatusUnprocessableEntity, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(rw, r, "/approvals", http.StatusSeeOther)
	return nil
}

// narrowed reads how much of a request is agreed to.
func (w *Web) narrowed(r *http.Request, id postern.RequestID) (n gate.Narrow, err error) {
	if name := r.PostFormValue("tier"); name != "" {
		var ok bool
		if n.Tier, ok = postern.TierNamed(name); !ok {
			return n, &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.tier", Text: "choose a tier"}
		}
	}
	n.Once = r.PostFormValue("once") != ""
	if minutes := r.PostFormValue("minutes"); minutes != "" {
		m, err := strconv.Atoi(minutes)
		if err != nil || m < 1 || m > 24*60 {
			return n, &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.for", Text: "say for how many minutes"}
		}
		n.For = time.Duration(m) * time.Minute
	}
	if number := strings.TrimSpace(r.PostFormValue("most")); number != "" {
		most, err := strconv.Atoi(number)
		if err != nil || most < 1 { // never taken for "all": they meant less
			return n, &postern.Error{Kind: postern.Invalid, Key: "desk.invalid.most", Text: "write how many messages, as a number from 1"}
		}
		q, err := w.Gate.Request(r.Context(), id)
		if err != nil {
			return n, err
		}
		if most < len(q.Messages) {
			n.Messages = q.Messages[:most] // newest first, as the mail plane gives them
		}
	}
	return n, nil
}
