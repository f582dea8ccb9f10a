package ui

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// Prefs are how a person wants the pages, kept in a cookie of the face.
type Prefs struct {
	Lang    string // "fr", "en"; "" follows the browser
	Theme   string // "light", "dark"; "" follows the system
	Density string // "compact"; "" is comfortable
	Keys    string // "off": no single-key shortcuts (WCAG 2.1.4)
}

var choices = map[string][]string{
	"lang": {"", "fr", "en"}, "theme": {"", "light", "dark"}, "density": {"", "compact"}, "keys": {"", "off"},
}

func (p *Prefs) field(name string) *string {
	return map[string]*string{"lang": &p.Lang, "theme": &p.Theme, "density": &p.Density, "keys": &p.Keys}[name]
}

// Prefs reads a request's preferences; what it does not know it ignores.
func (u *UI) Prefs(r *http.Request) (p Prefs) {
	c, err := r.Cookie(u.cookie("prefs", false))
	if err != nil {
		return p
	}
	q, err := url.ParseQuery(c.Value)
	if err != nil {
		return p
	}
	for name, known := range choices {
		if v := q.Get(name); contains(known, v) {
			*p.field(name) = v
		}
	}
	return p
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

var matcher = language.NewMatcher([]language.Tag{language.English, language.French})

// Lang gives the language of a request: chosen, else the browser's.
func (u *UI) Lang(r *http.Request) string {
	if p := u.Prefs(r); p.Lang != "" {
		return p.Lang
	}
	_, i := language.MatchStrings(matcher, r.Header.Get("Accept-Language"))
	return Languages[i]
}

// SetLang keeps a language, as a person's account has it, for the requests to come.
func (u *UI) SetLang(w http.ResponseWriter, r *http.Request, lang string) {
	p := u.Prefs(r)
	if contains(Languages, lang) {
		p.Lang = lang
		u.keepPrefs(w, r, p)
	}
}

func (u *UI) keepPrefs(w http.ResponseWriter, r *http.Request, p Prefs) {
	q := url.Values{}
	for name := range choices {
		if v := *p.field(name); v != "" {
			q.Set(name, v)
		}
	}
	http.SetCookie(w, &http.Cookie{Name: u.cookie("prefs", false), Value: q.Encode(), Path: "/", MaxAge: 400 * 24 * 3600,
		HttpOnly: true, Secure: secure(r), SameSite: http.SameSiteLaxMode})
}

// preferences answers POST /preferences: it changes what the form names and
// returns to the same page.
func (u *UI) preferences(w http.ResponseWriter, r *http.Request) {
	p := u.Prefs(r)
	for name, known := range choices {
		if v := r.PostFormValue(name); r.PostForm.Has(name) && contains(known, v) {
			*p.field(name) = v
			if name == "lang" && v != "" && u.remember != nil {
				u.remember(r, v)
			}
		}
	}
	u.keepPrefs(w, r, p)
	http.Redirect(w, r, Local(r.PostFormValue("return")), http.StatusSeeOther)
}

// Local gives an address back if it stays on this origin, else "/". Browsers
// read "//host" and "/\host" as another origin.
func Local(address string) string {
	if len(address) > 2000 || !strings.HasPrefix(address, "/") || strings.HasPrefix(address, "//") || strings.ContainsAny(address, "\\\r\n\t") {
		return "/"
	}
	return address
}

// cameFrom is the page a form was sent from.
func cameFrom(r *http.Request) string {
	ref, err := url.Parse(r.Referer())
	if err != nil || ref.Host != r.Host {
		return "/"
	}
	return Local(ref.RequestURI())
}

// cookie names a cookie. Ports do not separate cookies (RFC 6265, 8.5), so a
// face's name does; over TLS the __Host- prefix keeps other hosts from setting it.
func (u *UI) cookie(name string, tls bool) string {
	name = "postern-" + string(u.face) + "-" + name
	if tls {
		return "__Host-" + name
	}
	return name
}

func secure(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

// SetSecret keeps a session's token in a cookie that scripts cannot read and
// other sites cannot send with a form. A zero expires lasts as long as the browser.
// Its life is told as a length, so that a browser whose clock is another one, or
// a rehearsal whose clock is not the world's, keeps it as long.
func (u *UI) SetSecret(w http.ResponseWriter, r *http.Request, name, value string, expires time.Time) {
	life := 0
	if !expires.IsZero() {
		life = max(1, int(expires.Sub(u.now())/time.Second))
	}
	http.SetCookie(w, &http.Cookie{Name: u.cookie(name, secure(r)), Value: value, Path: "/", MaxAge: life,
		HttpOnly: true, Secure: secure(r), SameSite: http.SameSiteLaxMode})
}

// Secret reads what SetSecret kept, or "".
func (u *UI) Secret(r *http.Request, name string) string {
	c, err := r.Cookie(u.cookie(name, secure(r)))
	if err != nil {
		return ""
	}
	return c.Value
}

// DropSecret forgets it.
func (u *UI) DropSecret(w http.ResponseWriter, r *http.Request, name string) {
	http.SetCookie(w, &http.Cookie{Name: u.cookie(name, secure(r)), Path: "/", MaxAge: -1, HttpOnly: true, Secure: secure(r), SameSite: http.SameSiteLaxMode})
}
