package ui

import (
	"html/template"
	"io"
)

// CheckAlone writes the page that checks proofs as one file, which works from a
// disk without us. Policy is whom the provider suggests to believe.
func (u *UI) CheckAlone(w io.Writer, lang, policy string) error {
	text, err := own.ReadFile("static/verifier.js")
	if err != nil {
		return err
	}
	data := map[string]any{"Lang": lang, "Suggested": policy, "Script": template.HTML("<script>" + string(text) + "</script>")}
	for _, key := range []string{"title", "lead", "file", "policy", "policy.text", "policy.file", "do", "noscript"} {
		data[key] = u.words.T(lang, "check."+key)
	}
	return alone.Execute(w, data)
}

// alone is that page: its script is our own, and what else stands in it is
// escaped.
var alone = template.Must(template.New("check.html").Parse(`<!doctype html>
<html lang="{{.Lang}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>{{index . "title"}}</title><style>body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:0 auto;padding:1rem}label{display:block;font-weight:600;margin-top:1rem}input,textarea{font:inherit;width:100%;box-sizing:border-box}textarea{font-family:monospace;font-size:.85rem}button{font:inherit;font-weight:600;padding:.5rem 1rem;margin-top:1rem}dl div{display:flex;flex-wrap:wrap;gap:0 1rem}dt{min-width:10rem;opacity:.8}dd{margin:0;overflow-wrap:anywhere}.verdict{font-size:1.4rem}[hidden]{display:none}</style></head>
<body><main><h1>{{index . "title"}}</h1><p>{{index . "lead"}}</p><section id="check-result" tabindex="-1" role="status" hidden></section>
<form id="check-form" hidden><label for="f">{{index . "file"}}</label><input id="f" type="file" name="file" required><label for="p">{{index . "policy"}}</label><p>{{index . "policy.text"}}</p><textarea id="p" name="policy" rows="8" spellcheck="false" required>{{.Suggested}}</textarea><label for="g">{{index . "policy.file"}}</label><input id="g" type="file" name="policy-file"><button>{{index . "do"}}</button></form>
<p id="check-noscript">{{index . "noscript"}}</p></main>{{.Script}}</body></html>
`))
