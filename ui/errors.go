package ui

import (
	"errors"
	"net/http"

	"github.com/postern-mail/postern"
)

// StatusOf maps an error's kind to the status of its page.
func StatusOf(err error) int {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return http.StatusRequestEntityTooLarge
	}
	switch postern.KindOf(err) {
	case postern.NotFound:
		return http.StatusNotFound
	case postern.Denied, postern.Withheld:
		return http.StatusForbidden
	case postern.Conflict:
		return http.StatusConflict
	case postern.Invalid:
		return http.StatusUnprocessableEntity
	case postern.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

var kindWords = map[postern.Kind]string{
	postern.KindOther: "other", postern.NotFound: "not-found", postern.Denied: "denied", postern.Withheld: "withheld",
	postern.Conflict: "conflict", postern.Invalid: "invalid", postern.Unavailable: "unavailable",
}

// Sentence gives what a person is told about err: the sentence of its key, else
// that of its kind. The error's own text is for logs and never shown.
func (u *UI) Sentence(lang string, err error) string {
	if key := postern.KeyOf(err); key != "" && u.words.Has(lang, key) {
		return u.words.T(lang, key)
	}
	return u.words.T(lang, "error."+kindWords[postern.KindOf(err)]+".text")
}

type errorPage struct {
	Status               int
	Title, Text, Next    string
	Icon, Kind, ReturnTo string
}

// Error answers with the page of an error: what happened, and the next step.
func (u *UI) Error(w http.ResponseWriter, r *http.Request, err error) { u.ErrorPage(w, r, err, Page{}) }

// ErrorPage is [UI.Error] inside a page's frame: its user, side bar and band.
func (u *UI) ErrorPage(w http.ResponseWriter, r *http.Request, err error, p Page) {
	lang, kind, status := u.Lang(r), postern.KindOf(err), StatusOf(err)
	word := kindWords[kind]
	if status == http.StatusRequestEntityTooLarge {
		word = "too-large"
	}
	e := errorPage{Status: status, Kind: "warn", Icon: "circle-alert",
		Title: u.words.T(lang, "error."+word+".title"), Text: u.words.T(lang, "error."+word+".text"), Next: u.words.T(lang, "error."+word+".next")}
	if key := postern.KeyOf(err); key != "" && u.words.Has(lang, key) {
		e.Text = u.words.T(lang, key)
		if next := key + ".next"; u.words.Has(lang, next) {
			e.Next = u.words.T(lang, next)
		}
	}
	if r.Method != http.MethodGet {
		e.ReturnTo = cameFrom(r)
	}
	switch kind {
	case postern.KindOther, postern.Unavailable:
		e.Kind, e.Icon = "danger", "octagon-alert"
	case postern.Denied, postern.Withheld:
		e.Icon = "lock"
	case postern.NotFound:
		e.Kind, e.Icon = "info", "search"
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "30")
	}
	p.Title, p.Data, p.Fragment = e.Title, e, ""
	u.Page(w, r, status, "error", p)
}
