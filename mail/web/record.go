package web

import (
	"net/http"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ui"
)

type lookView struct {
	Look
	Lines  []shareLine
	Record Record
}

// ID, Entry and About are what the pages of one record have in common.
func (l lookView) ID() string    { return string(l.Disclosure) }
func (l lookView) Entry() Record { return l.Record }
func (l lookView) Page() string  { return "/looked/" + l.ID() }

// look shows one access: what was seen, the record word for word, and its proof.
func (w *Web) look(v *visit) error {
	id := postern.DisclosureID(v.PathValue("disclosure"))
	l, err := w.Help.Look(v.ctx(), v.account.ID, id)
	if err != nil {
		return err
	}
	data := lookView{Look: l}
	if data.Lines, err = w.shareLines(v, l.Messages, false); err != nil {
		return err
	}
	if data.Record, err = w.Help.Record(v.ctx(), v.account.ID, string(id), v.lang); err != nil {
		return err
	}
	return w.show(v, http.StatusOK, "look", ui.Page{Title: "look.title", Data: data})
}

type recordView struct {
	Record
	ID string
}

func (r recordView) Entry() Record { return r.Record }
func (r recordView) Page() string  { return "/looked/" + r.ID + "/record" }

// record opens one decision of the ledger, word for word.
func (w *Web) record(v *visit) error {
	id := v.PathValue("disclosure")
	r, err := w.Help.Record(v.ctx(), v.account.ID, id, v.lang)
	if err != nil {
		return err
	}
	return w.show(v, http.StatusOK, "record", ui.Page{Title: "record.title", Data: recordView{r, id}})
}

// proof gives the file that proves a record.
func (w *Web) proof(v *visit) error {
	file, err := w.Help.Proof(v.ctx(), v.account.ID, postern.DisclosureID(v.PathValue("disclosure")))
	if err != nil {
		return err
	}
	downloadHeaders(v, "access.proof", "application/octet-stream")
	_, err = v.Write(file)
	return gone(err)
}
