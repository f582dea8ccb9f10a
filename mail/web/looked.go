package web

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/web/told"
	"github.com/postern-mail/postern/ui"
)

// lookedView is "Who looked": sign-ins of the customer's own and accesses of
// staff in one list, newest first.
type lookedView struct {
	Entries []lookEntry
	Nobody  bool // no member of staff has seen anything, ever
	Only    string
	Tabs    []ui.NavItem
	Older   string
}

type lookEntry struct {
	At     time.Time
	Look   *Look
	Lines  []shareLine // the first few of what was seen
	More   int         // how many there are besides
	Act    *Act
	SignIn *postern.SignIn
}

const looksPerPage = 50

// place is where the next page goes on: in the ledger, and among the sign-ins.
type place struct {
	looks, acts int64
	signIns     time.Time
}

func placeOf(v *visit) (p place) {
	number := func(name string) int64 {
		n, err := strconv.ParseInt("0"+v.FormValue(name), 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	p.looks, p.acts = number("looks"), number("acts")
	if at := number("signins"); at > 0 && at < 1<<48 {
		p.signIns = time.UnixMilli(at)
	}
	return p
}

func (p place) values(only string) []string {
	list := []string{"only", only, "looks", strconv.FormatInt(p.looks, 10), "acts", strconv.FormatInt(p.acts, 10)}
	if !p.signIns.IsZero() {
		list = append(list, "signins", ms(p.signIns))
	}
	return list
}

func (w *Web) looked(v *visit) error {
	data := lookedView{Only: v.FormValue("only")}
	if !slices.Contains(lookedTabs, data.Only) {
		data.Only = ""
	}
	for _, o := range lookedTabs {
		href := "/looked"
		if o != "" {
			href += "?only=" + o
		}
		data.Tabs = append(data.Tabs, ui.NavItem{Text: "looked.tab." + o, Href: href, Current: o == data.Only})
	}
	from := placeOf(v)
	all, nobody, err := w.everything(v, data.Only, from)
	if err != nil {
		return err
	}
	data.Nobody = nobody
	more := len(all) > looksPerPage
	if more {
		cut := looksPerPage
		for cut < len(all) && all[cut].SignIn != nil && all[cut].At.Equal(all[cut-1].At) {
			cut++ // their place is their time
		}
		all = all[:cut]
	}
	for i := range all {
		switch e := &all[i]; {
		case e.Look != nil:
			from.looks = e.Look.Seq
		case e.Act != nil:
			from.acts = e.Act.Seq
		default:
			from.signIns = e.At
		}
	}
	if err := w.nameMessages(v, all); err != nil {
		return err
	}
	data.Entries = all
	if more {
		data.Older = address("/looked", from.values(data.Only)...)
	}
	return w.show(v, http.StatusOK, "looked", ui.Page{Title: "looked.title", Data: data})
}

// lookedTabs are what the list can be narrowed to.
var lookedTabs = []string{"", "staff", "acts", "you"}

// everything gives what comes after a place, newest first: enough for a page and
// one more. Nobody says that staff have never seen anything.
func (w *Web) everything(v *visit, only string, from place) (all []lookEntry, nobody bool, err error) {
	if only == "" || only == "staff" {
		looks, err := w.Help.Looks(v.ctx(), v.account.ID, from.looks)
		if err != nil {
			return nil, false, err
		}
		nobody = len(looks) == 0 && from.looks == 0
		for _, l := range looks {
			all = append(all, lookEntry{At: l.At, Look: &l})
		}
	}
	if only == "" || only == "acts" {
		acts, err := w.Help.Acts(v.ctx(), v.account.ID, from.acts)
		if err != nil {
			return nil, false, err
		}
		for _, a := range acts {
			all = append(all, lookEntry{At: a.At, Act: &a})
		}
	}
	if only == "" || only == "you" {
		signIns, err := w.Accounts.SignInsBefore(v.ctx(), v.account.ID, from.signIns, 2*looksPerPage)
		if err != nil {
			return nil, false, err
		}
		for _, s := range signIns {
			all = append(all, lookEntry{At: s.At, SignIn: &s})
		}
	}
	slices.SortStableFunc(all, func(a, b lookEntry) int { return b.At.Compare(a.At) })
	return all, nobody, nil
}

// fewMessages are named in a list; the page of the access names them all.
const fewMessages = 4

// nameMessages says by their subjects which messages were seen, in one query for
// the page.
func (w *Web) nameMessages(v *visit, entries []lookEntry) error {
	few := func(l *Look) []postern.MessageID { return l.Messages[:min(len(l.Messages), fewMessages)] }
	var ids []postern.MessageID
	for i := range entries {
		if l := entries[i].Look; l != nil {
			ids = append(ids, few(l)...)
		}
	}
	known, err := w.store.Summaries(v.ctx(), v.account.ID, ids)
	if err != nil {
		return err
	}
	for i := range entries {
		if l := entries[i].Look; l != nil {
			entries[i].Lines = linesOf(known, few(l), false)
			entries[i].More = len(l.Messages) - len(entries[i].Lines)
		}
	}
	return nil
}

func (w *Web) notices(v *visit) error {
	list, err := w.Help.Notices(v.ctx(), v.account.ID)
	if err != nil {
		return err
	}
	return w.show(v, http.StatusOK, "notices", ui.Page{Title: "notices.title", Data: list})
}

type noticeView struct {
	told.Chosen
	Plain []paragraph
	Seen  told.Seen
}

func (w *Web) notice(v *visit) error {
	list, err := w.Help.Notices(v.ctx(), v.account.ID)
	if err != nil {
		return err
	}
	var data noticeView
	if data.Chosen, err = told.Choose(list, v.PathValue("id"), v.FormValue("version")); err != nil {
		return err
	}
	n, err := w.Help.OpenNotice(v.ctx(), v.account.ID, data.ID, data.Version)
	if err != nil {
		return err
	}
	from, _ := strconv.Atoi(v.FormValue("from"))
	data.Plain = paragraphs(n.Text)
	data.Seen, err = told.See(v.ctx(), w.store, v.account.ID, v.account.Address, address("/notices/"+string(n.ID), "version", strconv.Itoa(n.Version)), n.Shown, from)
	if err != nil {
		return err
	}
	return w.show(v, http.StatusOK, "notice", ui.Page{Title: n.Subject, Data: data})
}

func (w *Web) zone() *time.Location {
	if w.Zone == nil {
		return time.UTC
	}
	return w.Zone
}
