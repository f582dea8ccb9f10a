package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
)

// The folder is "vendored", not "vendor": the module zip leaves folders named
// vendor out (golang.org/x/mod/zip), and what is not in the zip is not embedded
// for whoever installs by version.
//
//go:embed templates pages locales static vendored
var own embed.FS

// assets are the static files, each under a name that holds its hash, so that
// it can be kept for ever.
type assets struct {
	byName map[string]string // "app.js" → "app.3f2a….js"
	files  map[string]asset
	icons  map[string]bool
}

type asset struct {
	body, zipped []byte
	kind         string
}

var (
	kinds     = map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
	innerSVG  = regexp.MustCompile(`(?s)<svg[^>]*>(.*)</svg>`)
	betweenEl = regexp.MustCompile(`>\s+<`)
)

func newAssets() (*assets, error) {
	a := &assets{byName: map[string]string{}, files: map[string]asset{}, icons: map[string]bool{}}
	for _, glob := range []string{"static/*", "vendored/htmx/*.js"} {
		names, err := fs.Glob(own, glob)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			body, err := own.ReadFile(name)
			if err != nil {
				return nil, err
			}
			a.add(path.Base(name), body)
		}
	}
	sprite, err := a.sprite()
	if err != nil {
		return nil, err
	}
	a.add("icons.svg", sprite)
	return a, nil
}

func (a *assets) add(name string, body []byte) {
	sum := sha256.Sum256(body)
	ext := path.Ext(name)
	hashed := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:8]) + ext
	var z bytes.Buffer
	w, _ := gzip.NewWriterLevel(&z, gzip.BestCompression) // the level is a constant it knows
	w.Write(body)
	w.Close()
	a.byName[name], a.files[hashed] = hashed, asset{body, z.Bytes(), kinds[ext]}
}

// sprite joins the icons into one file of symbols.
func (a *assets) sprite() ([]byte, error) {
	names, err := fs.Glob(own, "vendored/lucide/*.svg")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg">`)
	for _, name := range names {
		text, err := own.ReadFile(name)
		if err != nil {
			return nil, err
		}
		inner := innerSVG.FindSubmatch(text)
		if inner == nil {
			return nil, fmt.Errorf("the icon %s is no SVG", name)
		}
		id := strings.TrimSuffix(path.Base(name), ".svg")
		fmt.Fprintf(&b, `<symbol id="%s" viewBox="0 0 24 24">%s</symbol>`,
			id, betweenEl.ReplaceAll(bytes.TrimSpace(inner[1]), []byte("><")))
		a.icons[id] = true
	}
	b.WriteString(`</svg>`)
	return b.Bytes(), nil
}

// extra gives the address of a face's own file, "" where it has none.
func (a *assets) extra(name string) string {
	if a.byName[name] == "" {
		return ""
	}
	return "/-/ui/" + a.byName[name]
}

func (a *assets) href(name string) (string, error) {
	hashed, ok := a.byName[name]
	if !ok {
		return "", fmt.Errorf("there is no asset %q", name)
	}
	return "/-/ui/" + hashed, nil
}

// icon draws one symbol of the sprite. The name is one of our own files', never
// a page's data, which is why this may be HTML.
func (a *assets) icon(name string) (template.HTML, error) {
	if !a.icons[name] {
		return "", fmt.Errorf("there is no icon %q in ui/vendored/lucide", name)
	}
	return template.HTML(`<svg class="icon" aria-hidden="true" focusable="false" width="18" height="18"><use href="/-/ui/` + a.byName["icons.svg"] + `#` + name + `"></use></svg>`), nil
}

// Assets serves the static files; a face mounts it at "/-/ui/".
func (u *UI) Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := u.assets.files[strings.TrimPrefix(r.URL.Path, "/-/ui/")]
		if !ok || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.kind)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Vary", "Accept-Encoding")
		body := f.body
		// Only these files are compressed: they hold no secret for a guess beside
		// it to shrink against (BREACH).
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = f.zipped
		}
		h.Set("Content-Length", fmt.Sprint(len(body)))
		if r.Method == http.MethodGet {
			w.Write(body)
		}
	})
}
