package web

import (
	"net/http"

	"github.com/postern-mail/postern/ui"
)

// checkPage checks a proof in the browser: nothing is sent anywhere.
func (w *Web) checkPage(v *visit) error {
	return w.show(v, http.StatusOK, "check", ui.Page{Title: "check.title", Data: string(w.Help.Policy())})
}

// checkAlone gives the same as one file, which works from a disk without us.
func (w *Web) checkAlone(v *visit) error {
	downloadHeaders(v, "check.html", "text/html; charset=utf-8")
	return gone(w.ui.CheckAlone(v, v.lang, string(w.Help.Policy())))
}
