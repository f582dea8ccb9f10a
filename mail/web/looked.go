package web

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ui"
)

// lookedView is "Who looked": sign-ins of the customer's own and accesses of
// staff in one list, newest first.
type lookedView struct {
	Entries []lookEntry
	Nobody  bool // no member of staff, ever
	Only    string
	Tabs    []ui.NavItem
	Older   string
}

type lookEntry struct {
	At     time.Time
	Look   *Look
	Lines  []shareLine
	SignIn *postern.SignIn
}

const looksPerPage = 50

func (w *Web) looked(v *visit) error {
	before, err := strconv.ParseInt("0"+v.FormValue("before"), 10, 64)
	if err != nil {
		before = 0
	}
	data := lookedView{Only: v.FormValue("only")}
	if data.Only != "staff" && data.Only != "you" {
		data.Only = ""
	}
	for _, o := range []string{"", "staff", "you"} {
		href := "/looked"
		if o != "" {
			href += "?only=" + o
		}
		data.Tabs = append(data.Tabs, ui.NavItem{Text: "looked.tab." + o, Href: href, Current: o == data.Only})
	}
	looks, err := w.Help.Looks(v.ctx(), v.account.ID, before)
	if err != nil {
		return err
	}
	data.Nobody = len(looks) == 0 && before == 0
	if len(looks) >= looksPerPage {
		data.Older = address("/looked", "only", data.Only, "before", strconv.FormatInt(looks[len(looks)-1].Seq, 10))
	}
	if data.Only != "you" {
		for _, l := range looks {
			lines, err := w.shareLines(v, l.Messages, false)
			if err != nil {
				return err
			}
			data.Entries = append(data.Entries, lookEntry{At: l.At, Look: &l, Lines: lines})
		}
	}
	if data.Only != "staff" && before == 0 {
		signIns, err := w.Accounts.SignIns(v.ctx(), v.account.ID, looksPerPage)
		if err != nil {
			return err
		}
		for _, s := range signIns {
			data.Entries = append(data.Entries, lookEntry{At: s.At, SignIn: &s})
		}
	}
	slices.SortStableFunc(data.Entries, func(a, b lookEntry) int { return b.At.Compare(a.At) })
	return w.show(v, http.StatusOK, "looked", ui.Page{Title: "looked.title", Data: data})
}

// findLook finds one access by its record's identifier.
func (w *Web) findLook(v *visit, id postern.DisclosureID) (Look, error) {
	before := int64(0)
	for range 200 { // pages: 10,000 looks are more than a case can explain
		looks, err := w.Help.Looks(v.ctx(), v.account.ID, before)
		if err != nil {
			return Look{}, err
		}
		for _, l := range looks {
			if l.Disclosure == id {
				return l, nil
			}
		}
		if len(looks) == 0 {
			break
		}
		before = looks[len(looks)-1].Seq
	}
	return Look{}, &postern.Error{Kind: postern.NotFound, Text: "there is no such access"}
}

type lookView struct {
	Look
	Lines  []shareLine
	LogKey string
}

func (w *Web) look(v *visit) error {
	l, err := w.findLook(v, postern.DisclosureID(v.PathValue("disclosure")))
	if err != nil {
		return err
	}
	lines, err := w.shareLines(v, l.Messages, false)
	if err != nil {
		return err
	}
	return w.show(v, http.StatusOK, "look", ui.Page{Title: "look.title", Data: lookView{l, lines, w.Help.LogKey()}})
}

func (w *Web) proof(v *visit) error {
	file, err := w.Help.Proof(v.ctx(), v.account.ID, postern.DisclosureID(v.PathValue("disclosure")))
	if err != nil {
		return err
	}
	downloadHeaders(v, "access.proof", "application/octet-stream")
	_, err = v.Write(file)
	return gone(err)
}

func (w *Web) notices(v *visit) error {
	list, err := w.Help.Notices(v.ctx(), v.account.ID)
	if err != nil {
		return err
	}
	return w.show(v, http.StatusOK, "notices", ui.Page{Title: "notices.title", Data: list})
}

type noticeView struct {
	Notice
	Plain   []paragraph
	Newer   *Notice // a later version of the same
	Earlier []Notice
}

func (w *Web) notice(v *visit) error {
	list, err := w.Help.Notices(v.ctx(), v.account.ID)
	if err != nil {
		return err
	}
	version, _ := strconv.Atoi(v.FormValue("version"))
	var of []Notice
	for _, n := range list {
		if string(n.ID) == v.PathValue("id") {
			of = append(of, n)
		}
	}
	if len(of) == 0 {
		return &postern.Error{Kind: postern.NotFound, Text: "there is no such notice"}
	}
	slices.SortFunc(of, func(a, b Notice) int { return b.Version - a.Version })
	at := max(0, slices.IndexFunc(of, func(n Notice) bool { return n.Version == version }))
	data := noticeView{Notice: of[at], Plain: paragraphs(of[at].Text), Earlier: of[at+1:]}
	if at > 0 {
		data.Newer = &of[0]
	}
	return w.show(v, http.StatusOK, "notice", ui.Page{Title: data.Subject, Data: data})
}

func (w *Web) zone() *time.Location {
	if w.Zone == nil {
		return time.UTC
	}
	return w.Zone
}
