package ui

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
)

// Page is one page to render. Texts named "key or text" are looked up in the
// catalogue and stand as they are when it has no such key.
type Page struct {
	Title     string    // key or text; the h1 is the page's own
	Data      any       // ".Data" in the template
	User      *User     // nil: nobody is signed in
	Nav       []NavItem // the side bar; empty: the page is one column
	Band      string    // key or text: the word in the coloured band of staff faces; "" takes the face's own
	Search    *Search   // the search field in the header
	Alerts    []Alert   // above the page, read out
	Errors    []Problem // the error summary: what to correct, and where
	Ends      string    // address of an event stream that says "ended" when the session is over
	Watermark string    // text laid over the page: who looks, and when
	Wide      bool      // the page uses the whole width: queues, tables
	Fragment  string    // block that an htmx request gets that is not a navigation; "" means "main"
}

// User is who is signed in.
type User struct {
	Name, Detail string // "Claire Martin", "Helpline · agent"
	SignOut      string // address of the POST that signs out; "" means /sign-out
}

// NavItem is one line of the side bar.
type NavItem struct {
	Text    string // key or text
	Href    string
	Icon    string
	Count   int
	Current bool
	Group   string // key or text: a heading above the first item of the group
	Indent  int    // 0 to 3: the depth of a mailbox
	Key     string // keyboard: "g i"
}

// Search is the header's search form (GET, field "q").
type Search struct{ Action, Value, Label string } // Label: key or text

// Alert is a sentence above the page.
type Alert struct {
	Kind string // "ok", "warn", "danger", "info"
	Text string // key or text
	Args []any  // named placeholders: "count", 3
	Undo *Undo
}

// Undo is a form with one button inside an alert.
type Undo struct {
	Action, Label string // Label: key or text; "" means "Undo"
	Values        url.Values
}

// Problem is one line of the error summary.
type Problem struct {
	Field string // id of the field, "" for none
	Text  string // key or text
	Args  []any
}

// view is what the layout and the page's own template see as dot.
type view struct {
	Page
	Lang, OtherLang string
	Face            Face
	Prefs           Prefs
	Path            string // this page, to come back to
	Demo            bool
	Fragmentary     bool
}

// Page renders a page. An htmx request that is not a navigation gets one block
// of it, everything else the whole.
func (u *UI) Page(w http.ResponseWriter, r *http.Request, status int, name string, p Page) {
	body, err := u.render(r, name, p)
	if err != nil {
		// Templates and samples are tested together, so this is a fault of ours.
		u.log.Error("ui: a page could not be made", "face", u.face, "page", name, "error", err)
		http.Error(w, u.words.T(u.Lang(r), "error.other.title"), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Add("Vary", "HX-Request, Cookie, Accept-Language")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// Render gives the bytes of a page: for tests, and for what is kept in a file.
func (u *UI) Render(r *http.Request, name string, p Page) ([]byte, error) {
	return u.render(r, name, p)
}

func (u *UI) render(r *http.Request, name string, p Page) ([]byte, error) {
	lang := u.Lang(r)
	t := u.pages[lang][name]
	if t == nil {
		return nil, fmt.Errorf("there is no page %q", name)
	}
	v := view{Page: p, Lang: lang, Face: u.face, Prefs: u.Prefs(r), Path: r.URL.RequestURI(), Demo: u.demo}
	v.OtherLang = Languages[0]
	if lang == v.OtherLang {
		v.OtherLang = Languages[1]
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		v.Path = cameFrom(r)
	}
	block := "layout.html"
	if h := r.Header; h.Get("HX-Request") == "true" && h.Get("HX-Boosted") != "true" && h.Get("HX-History-Restore-Request") != "true" {
		block, v.Fragmentary = "fragment", true
		if p.Fragment != "" {
			block = p.Fragment
		}
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, block, v); err != nil {
		return nil, fmt.Errorf("couldn't render the page %q: %w", name, err)
	}
	return b.Bytes(), nil
}
