// Package ui is what the three faces look like: the layout, the design tokens,
// the components, the icons, the few scripts, French and English, and the
// middleware that keeps a page to itself.
//
// A face makes one [UI] from its own templates and locales and calls
// [UI.Page], [UI.Error] and [UI.Wrap]; it mounts [UI.Assets] at "/-/ui/".
// Catalogues are JSON, one file per language, merged over this package's own;
// the plural rules come from golang.org/x/text. A message library was left out:
// two languages, two plural forms and named placeholders need 200 lines that
// a test can check to the last key.
//
// What it keeps: nothing on the server. In the browser, per face, a cookie of
// preferences (language, theme, density, keys) and a same-site cookie against
// forged requests. Pages are never stored: not by the browser's cache, and not
// by htmx in its history.
//
// Trust: it is handed mail as data of a page, escapes it, and forgets it. It
// knows no plane, opens no connection and must never log what it renders.
package ui

import (
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"
)

// Face names one of the three faces; it chooses the hue, the band and the
// names of the cookies.
type Face string

// The faces.
const (
	Mail     Face = "mail"
	Desk     Face = "desk"
	Response Face = "response"
)

// Options are what a face gives.
type Options struct {
	Face Face
	// Templates holds the face's pages, one file each, "case.html", which
	// defines "main" and perhaps more blocks. Files whose name begins with "_"
	// are read into every page (embed them with "all:templates"). A "style.css" and a "script.js" beside them are
	// served with ui's own and stand in every page's head.
	Templates fs.FS
	// Locales holds fr.json and en.json, merged over ui's own.
	Locales fs.FS
	Now     func() time.Time // nil: time.Now
	Zone    *time.Location   // nil: UTC
	Demo    bool             // a word in the header says that everything is invented
	// FrameSources are origins that frames of this face may show, such as the
	// one that serves the HTML of messages.
	FrameSources []string
	// Log is told which page could not be made, and why; nil: slog.Default.
	Log *slog.Logger
	// Remember, if set, is told the language a person chose, to keep it.
	Remember func(r *http.Request, lang string)
}

// UI renders one face's pages. It is safe for concurrent use.
type UI struct {
	face     Face
	now      func() time.Time
	zone     *time.Location
	demo     bool
	frames   []string
	remember func(*http.Request, string)
	words    *Catalog
	assets   *assets
	pages    map[string]map[string]*template.Template // language, page
	csrf     *http.CrossOriginProtection
	log      *slog.Logger
}

// New reads a face's templates and locales. A template that does not parse or a
// locale that is not JSON is an error here, not on the first request.
func New(o Options) (*UI, error) {
	u := &UI{face: o.Face, now: o.Now, zone: o.Zone, demo: o.Demo, frames: o.FrameSources, remember: o.Remember,
		csrf: http.NewCrossOriginProtection(), log: o.Log}
	if u.now == nil {
		u.now = time.Now
	}
	if u.log == nil {
		u.log = slog.Default()
	}
	if u.zone == nil {
		u.zone = time.UTC
	}
	var err error
	if u.words, err = NewCatalog(o.Locales); err != nil {
		return nil, err
	}
	if u.assets, err = newAssets(); err != nil {
		return nil, err
	}
	for name, file := range map[string]string{"face.css": "style.css", "face.js": "script.js"} {
		if o.Templates == nil {
			break
		}
		body, err := fs.ReadFile(o.Templates, file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("couldn't read the face's %s: %w", file, err)
		}
		u.assets.add(name, body)
	}
	u.pages = map[string]map[string]*template.Template{}
	for _, lang := range Languages {
		if u.pages[lang], err = u.parse(lang, o.Templates); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// parse makes one set of templates per page: the layout, the components, the
// face's shared files, and the page. The functions speak one language.
func (u *UI) parse(lang string, face fs.FS) (map[string]*template.Template, error) {
	base, err := template.New("layout.html").Funcs(u.funcs(lang)).ParseFS(own, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("couldn't read the layout: %w", err)
	}
	pages := map[string]*template.Template{}
	add := func(fsys fs.FS, file string) error {
		t, err := base.Clone()
		if err != nil {
			return err
		}
		if t, err = t.ParseFS(fsys, file); err != nil {
			return fmt.Errorf("couldn't read the page %s: %w", file, err)
		}
		pages[strings.TrimSuffix(path.Base(file), ".html")] = t
		return nil
	}
	for _, file := range []string{"pages/error.html", "pages/storybook.html", "pages/device.html", "pages/prove.html"} {
		if err := add(own, file); err != nil {
			return nil, err
		}
	}
	if face == nil {
		return pages, nil
	}
	files, err := fs.Glob(face, "*.html")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if strings.HasPrefix(file, "_") {
			if base, err = base.ParseFS(face, file); err != nil {
				return nil, fmt.Errorf("couldn't read the shared templates %s: %w", file, err)
			}
		}
	}
	for _, file := range files {
		if !strings.HasPrefix(file, "_") {
			if err := add(face, file); err != nil {
				return nil, err
			}
		}
	}
	return pages, nil
}

// Words gives the catalogue, for sentences a face makes in Go.
func (u *UI) Words() *Catalog { return u.words }
