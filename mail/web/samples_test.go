package web

import (
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern/mail/rules"
	"github.com/postern-mail/postern/ui"
	"github.com/postern-mail/postern/ui/htmlcheck"
)

var noon = time.Date(2026, time.November, 23, 14, 5, 0, 0, time.UTC)

func TestWords(t *testing.T) {
	templates, err := fs.Sub(files, "templates")
	if err != nil {
		t.Fatal(err)
	}
	also := []string{"compose.to.error", "compose.to.unknown", "compose.text.error", "compose.wrote", "compose.title", "done.sent", "done.sent-only", "help.about.subject", "help.about.text", "message.attachment.nameless", "consent.gone", "consent.none", "consent.declined", "search.title", "search.label", "nav.mailboxes", "nav.account"}
	for role := range roleIcons {
		also = append(also, "role."+role)
	}
	for _, f := range rules.Fields {
		also = append(also, "rules.field."+f)
	}
	for _, w := range rules.Ways {
		also = append(also, "rules.way."+w)
	}
	for _, k := range rules.Kinds {
		also = append(also, "rules.does."+k)
	}
	also = append(also, "rules.does.forward-away", "rules.match.all", "rules.match.any", "rules.place.stay", "rules.when", "rules.unknown", rules.KeyPassword, "rules.refused.full", "rules.refused.forwards", "rules.refused.changed",
		"rules.invalid.conditions", "rules.invalid.actions", "rules.invalid.condition", "rules.invalid.value", "rules.invalid.mailbox", "rules.invalid.address", "rules.invalid.own")
	for do := range flagActs {
		also = append(also, "done."+do, "act."+do)
	}
	for do := range moveActs {
		also = append(also, "done."+do, "act."+do)
	}
	for _, p := range settingsPages {
		also = append(also, p.page+".tab")
	}
	for _, c := range chips("x") {
		also = append(also, c.Label)
	}
	for _, v := range []string{"dmarc=pass", "dmarc=fail", "spf=pass", "spf=none", "dkim=fail spf=fail lookalike=x"} {
		for _, found := range verdicts(v) {
			also = append(also, found.Text)
		}
	}
	ui.CheckLocales(t, templates, files, also...)
}

func TestPagesInBothLanguages(t *testing.T) {
	w, err := New(Parts{Provider: "Outlook", Origin: "http://mail.localhost", ViewOrigin: "http://view.localhost", Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	err = w.ui.CheckSamples(Samples(noon), func(name, lang string, page []byte) {
		t.Run(name+"-"+lang, func(t *testing.T) {
			htmlcheck.Check(t, page)
			for _, bad := range []string{"&lt;no value&gt;", "&lt;nil&gt;", "%!"} {
				if strings.Contains(string(page), bad) {
					t.Errorf("%s is on the page", bad)
				}
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}
