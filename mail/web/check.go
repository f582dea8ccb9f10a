package web

import "github.com/postern-mail/postern/ui"

// checkPage and checkAlone, one file to keep, check a proof in the browser: nothing is sent.
func (w *Web) checkPage(v *visit) error {
	return w.show(v, 200, "check", ui.Page{Title: "check.title", Data: string(w.Help.Policy())})
}

func (w *Web) checkAlone(v *visit) error {
	downloadHeaders(v, "check.html", "text/html; charset=utf-8")
	return gone(w.ui.CheckAlone(v, v.lang, string(w.Help.Policy())))
}
