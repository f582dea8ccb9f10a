package web

import (
	"net/http"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
)

// envelopeRow is one line of the list of envelopes. Which of its fields came
// masked the mail plane says; the page offers to open each, one at a time.
type envelopeRow struct {
	postern.ShownMessage
	HiddenFrom, HiddenTo, HiddenSubject bool
}

func envelopeRows(list []postern.ShownMessage) []envelopeRow {
	rows := make([]envelopeRow, len(list))
	for i, m := range list {
		has := func(f postern.Field) bool { return m.Given&f != 0 }
		rows[i] = envelopeRow{m, has(postern.FieldFromMasked), has(postern.FieldToMasked), has(postern.FieldSubjectMasked)}
	}
	return rows
}

// opens are the fields that can be opened one by one, by the form's words.
var opens = map[string]postern.Field{"from": postern.FieldFrom, "to": postern.FieldTo, "subject": postern.FieldSubject}

// fieldData is one field of one message.
type fieldData struct {
	revealed
	Message postern.ShownMessage
	Name    string // "from", "to" or "subject"
	Values  []string
	Content bool // the grant goes as deep as the message's text
}

// field opens one masked field of one message: a disclosure of its own, of that
// field and no other. Its page is small for that reason: to draw the list again
// would show the list again, and be written down again. Where scripts run the
// answer takes the masked value's place instead.
func (w *Web) field(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	// What is refused here is the page's matter and not one cell's.
	scripted := r.Header.Get("HX-Request") == "true" && r.Header.Get("HX-Boosted") != "true"
	if scripted {
		rw.Header().Set("HX-Retarget", "main")
		rw.Header().Set("HX-Reswap", "innerHTML")
	}
	g, err := w.grantOf(r, s)
	if err != nil {
		return err
	}
	name := r.PostFormValue("field")
	field, ok := opens[name]
	if !ok {
		return &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.fields", Text: "say which field to show: from, to or subject"}
	}
	ids := []postern.MessageID{postern.MessageID(r.PathValue("mid"))}
	found, err := w.Gate.Reveal(r.Context(), s, gate.Want{Grant: g.ID, Tier: postern.TierEnvelope, Messages: ids, Fields: field})
	if err != nil {
		return w.locked(rw, r, s, g, postern.TierEnvelope, ids, err)
	}
	defer found.Done()
	if len(found.Shown.Messages) != 1 {
		return &postern.Error{Kind: postern.NotFound, Key: "gate.unknown.message", Text: "there is no such message"}
	}
	d := fieldData{Message: found.Shown.Messages[0], Name: name, Content: g.Tier >= postern.TierContent}
	switch name {
	case "from":
		d.Values = d.Message.From
	case "to":
		d.Values = d.Message.To
	case "subject":
		if d.Message.Subject != "" {
			d.Values = []string{d.Message.Subject}
		}
	}
	if d.revealed, err = w.reveal(r, s, found); err != nil {
		return err
	}
	if scripted {
		rw.Header().Del("HX-Retarget")
		rw.Header().Del("HX-Reswap")
	}
	p := w.page(r, s, "desk.field.title", d)
	p.Fragment = "field-shown"
	w.show(rw, r, s, found, "field", p)
	return nil
}

// proveAgain is the address where a member proves who they are once more and
// comes back to what was refused; empty for any other refusal. A form that was
// refused is not sent again: its page is what one comes back to.
func proveAgain(r *http.Request, key string) string {
	if key != "gate.refused.reauthenticate" {
		return ""
	}
	then := r.URL.RequestURI()
	if r.Method != http.MethodGet {
		then = "/cases"
		if id := r.PathValue("id"); id != "" && strings.HasPrefix(r.URL.Path, "/grants/") {
			then = "/grants/" + id
		}
	}
	return withQuery("/prove", map[string][]string{"then": {then}})
}
