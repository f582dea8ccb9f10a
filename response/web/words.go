package web

import (
	"net/url"
	"strconv"

	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/ui"
)

// say gives a sentence in the request's language.
func (w *Web) say(q request, key string, pairs ...any) string {
	return w.ui.Words().T(w.ui.Lang(q.Request), key, pairs...)
}

func queryOf(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Add(pairs[i], pairs[i+1])
		}
	}
	return v.Encode()
}

// lineLooks says how a timeline's line is drawn.
var lineLooks = map[string]struct{ icon, kind string }{
	incident.LineOpened:    {"siren", "accent"},
	incident.LineAlert:     {"bell", "warn"},
	incident.LineNote:      {"message-square", ""},
	incident.LineTask:      {"clipboard-check", ""},
	incident.LineLead:      {"user-check", ""},
	incident.LineCause:     {"search", ""},
	incident.LineSeverity:  {"gauge", ""},
	incident.LineContained: {"power-off", "ok"},
	incident.LineLifted:    {"undo-2", "warn"},
	incident.LineLiftAsked: {"hand", "warn"},
	incident.LineScoped:    {"layers", "info"},
	incident.LineDrafted:   {"file-pen", ""},
	incident.LineSubmitted: {"hand", ""},
	incident.LineApproved:  {"stamp", "ok"},
	incident.LineReturned:  {"undo-2", "warn"},
	incident.LineReleased:  {"send", "info"},
	incident.LinePaused:    {"ban", "warn"},
	incident.LineResumed:   {"send", "info"},
	incident.LineTried:     {"mail", ""},
	incident.LineSent:      {"megaphone", "ok"},
	incident.LineClosed:    {"circle-check", "ok"},
	incident.LineReopened:  {"rotate-ccw", "warn"},
}

// moment puts a line of the timeline into the reader's language.
func (w *Web) moment(lang, path string, l incident.Line) ui.Moment {
	c := w.ui.Words()
	look := lineLooks[l.Kind]
	m := ui.Moment{At: l.At, Icon: look.icon, Kind: look.kind, Who: l.ActorName, Text: l.Text}
	if m.Who == "" {
		m.Who = c.T(lang, "actor.product")
	}
	n := func(name string) int {
		n, _ := strconv.Atoi(l.Facts[name])
		return n
	}
	title := func(pairs ...any) { m.Title = c.T(lang, "line."+l.Kind, pairs...) }
	switch l.Kind {
	case incident.LineAlert:
		rule := l.Facts["title"]
		if rule == "" {
			rule = c.T(lang, "rule."+l.Facts["rule"])
		}
		title("rule", rule)
		m.Href, m.Action = "/alerts/"+l.Facts["alert"], c.T(lang, "line.alert.open")
	case incident.LineTask:
		name := l.Facts["text"]
		if l.Facts["task"] != "" {
			name = c.T(lang, "task."+l.Facts["task"])
		}
		title("task", name, "state", c.T(lang, "task.state."+l.Facts["state"]))
	case incident.LineLead:
		title("from", l.Facts["from"], "to", l.Facts["to"])
	case incident.LineCause:
		title("to", c.T(lang, "cause."+l.Facts["to"]))
	case incident.LineSeverity:
		title("from", c.T(lang, "severity."+l.Facts["from"]), "to", c.T(lang, "severity."+l.Facts["to"]))
	case incident.LineContained, incident.LineLifted, incident.LineLiftAsked:
		title("what", thing(c, lang, l.Facts["kind"], l.Facts["subject"], l.Facts["label"]))
		if l.Kind == incident.LineContained {
			m.Text = c.T(lang, "line.contained.text", "sessions", c.TN(lang, "n.sessions", n("sessions")), "grants", c.TN(lang, "n.grants", n("grants")), "ms", n("ms")) + "\n" + l.Text
			if l.Position >= 0 {
				m.Text += "\n" + c.T(lang, "contained.position", "position", l.Position)
			}
		}
	case incident.LineScoped:
		title("version", n("version"), "accounts", c.TN(lang, "n.accounts", n("accounts")), "messages", c.TN(lang, "n.messages", n("messages")))
		m.Href, m.Action = path+"/scope?version="+l.Facts["version"], c.T(lang, "line.scoped.open")
		if n("erased") > 0 {
			m.Text = c.TN(lang, "n.erased", n("erased"))
		}
	case incident.LineDrafted:
		title("version", n("version"), "notices", c.TN(lang, "n.notices", n("notices")))
	case incident.LineSubmitted, incident.LineApproved, incident.LineReturned, incident.LineReleased, incident.LinePaused, incident.LineResumed, incident.LineTried:
		title("version", n("version"))
	case incident.LineSent:
		title("version", n("version"), "sent", c.TN(lang, "n.sent", n("sent")))
		if n("failed") > 0 {
			m.Text, m.Kind = c.TN(lang, "n.failed", n("failed")), "warn"
		}
	case incident.LineOpened:
		title()
	default:
		title()
	}
	return m
}

// thing names what was or can be ended, in a sentence.
func thing(c *ui.Catalog, lang, kind, subject, label string) string {
	if label == "" {
		label = subject
		if len(label) == 32 {
			label = label[:8] // an id: enough to tell it apart
		}
	}
	return c.T(lang, "thing."+kind, "name", label)
}
