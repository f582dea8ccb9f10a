package web

import (
	"github.com/postern-mail/postern/response/detect"
	"github.com/postern-mail/postern/ui"
)

// alertWords is an alert with its rule in the reader's language. A provider's
// own rule has the words that its author wrote.
type alertWords struct {
	detect.Alert
	Who  string // the member's name, or the network
	What string // the rule
	Says string // what it counted
	Why  string // why that matters
}

func wordsOf(c *ui.Catalog, lang string, a detect.Alert) alertWords {
	v := alertWords{Alert: a, Who: a.StaffName, What: a.Title, Why: a.Description}
	if v.Who == "" {
		v.Who = a.Subject
	}
	numbers := []any{"value", a.Figures["value"], "limit", a.Figures["limit"], "network", a.Network}
	switch {
	case !a.Own:
		v.What, v.Why = c.T(lang, "rule."+a.Rule), c.T(lang, "rule."+a.Rule+".why")
		v.Says = c.T(lang, "rule."+a.Rule+".figures", numbers...)
	case a.Figures["limit"] > 1:
		v.Says = c.T(lang, "rule.own.figures", numbers...)
	default:
		v.Says = a.Description
	}
	if n := a.Figures["observations"]; n > 0 {
		v.Says += " " + c.T(lang, "rule.peers", "team", a.Team, "percentile", a.Figures["percentile"], "usual", a.Figures["usual"], "observations", n)
	}
	return v
}

func (w *Web) words(q request, alerts []detect.Alert) []alertWords {
	all := make([]alertWords, len(alerts))
	for i, a := range alerts {
		all[i] = wordsOf(w.ui.Words(), w.ui.Lang(q.Request), a)
	}
	return all
}
