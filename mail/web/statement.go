package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ui"
)

// statementView is the page on which a customer asks whether anybody looked.
type statementView struct {
	Number      string
	Began, Till time.Time // what can be proved now; zero while nothing can
	Windows     []ui.Option
	Tiers       []ui.Option
	From, Until string // dates of a window of one's own, YYYY-MM-DD
	Problem     string // in words
	Next        string // what to do about it
	Cut         bool   // the window was cut to what can be proved

	Address   string // of the account
	Zone      string // whose days and hours the page's are
	What      string // was asked, in words
	Answers   string // what a verifier says of the file
	Statement *Statement
	Nobody    bool // the file says that nobody looked
	Looks     []lookEntry
	File      string // address of the download
}

// windows are what the page offers, in this order; the first is the usual one.
var windows = []string{"month", "year", "all", "dates"}

func (w *Web) statement(v *visit) error {
	data := statementView{Address: v.account.Address, Zone: w.zone().String(), From: v.FormValue("from"), Until: v.FormValue("until")}
	var err error
	if data.Number, err = w.Help.Number(v.ctx(), v.account.ID); err != nil {
		return err
	}
	chosen := v.FormValue("window")
	for _, o := range windows {
		data.Windows = append(data.Windows, ui.Option{Value: o, Text: w.t(v, "statement.window."+o), Selected: o == chosen})
	}
	tier := postern.TierEnvelope
	for t := postern.TierAccount; t <= postern.TierAttachment; t++ {
		if t.String() == v.FormValue("tier") {
			tier = t
		}
	}
	for t := postern.TierAccount; t <= postern.TierAttachment; t++ {
		data.Tiers = append(data.Tiers, ui.Option{Value: t.String(), Text: w.t(v, "statement.counts."+t.String()), Selected: t == tier})
	}
	data.Began, data.Till, err = w.Help.Provable(v.ctx())
	if err == nil && slices.Contains(windows, chosen) {
		err = w.makeStatement(v, &data, chosen, tier)
	}
	status := http.StatusOK
	if key := postern.KeyOf(err); strings.HasPrefix(key, "statement.") {
		data.Problem = w.t(v, key)
		if w.ui.Words().Has(v.lang, key+".next") {
			data.Next = w.t(v, key+".next")
		}
		if chosen != "" {
			status = http.StatusUnprocessableEntity
		}
		err = nil
	}
	if err != nil {
		return err
	}
	return w.show(v, status, "statement", ui.Page{Title: "statement.title", Data: data})
}

func (w *Web) makeStatement(v *visit, data *statementView, chosen string, tier postern.Tier) error {
	from, until, err := w.chooseWindow(data, chosen)
	if err != nil {
		return err
	}
	s, err := w.Help.Statement(v.ctx(), v.account.ID, from, until, tier, v.lang)
	if err != nil {
		return err
	}
	data.Statement = &s
	// Without witnesses a verifier can't tell the times; the page says so beside it.
	data.Nobody = s.Count == 0 && s.Erased.IsZero() && !s.Edge && (s.Verdict == "verified" || s.Unwitnessed)
	data.What = w.t(v, "statement.counts."+tier.String())
	data.Answers = w.t(v, "statement.answers."+answerOf(s))
	data.File = "/statement/statement.proof?" + url.Values{"from": {ms(s.From)}, "until": {ms(s.Until)}, "tier": {tier.String()}}.Encode()
	data.Looks, err = w.looksOf(v, s)
	return err
}

// chooseWindow gives the window of a choice, cut to what can be proved where it
// goes beyond by less than a day.
func (w *Web) chooseWindow(data *statementView, chosen string) (from, until time.Time, err error) {
	from, until = data.Began, data.Till
	switch chosen {
	case "month":
		from = until.AddDate(0, 0, -30)
	case "year":
		from = time.Date(until.In(w.zone()).Year(), 1, 1, 0, 0, 0, 0, w.zone())
	case "dates":
		if from, err = time.ParseInLocation(time.DateOnly, data.From, w.zone()); err == nil {
			until, err = time.ParseInLocation(time.DateOnly, data.Until, w.zone())
		}
		if err != nil {
			return from, until, &postern.Error{Kind: postern.Invalid, Key: "statement.dates", Text: "a date can't be read"}
		}
		until = until.AddDate(0, 0, 1) // the day that was named is in it
	}
	if from.Before(data.Began) && (chosen != "dates" || data.Began.Sub(from) < 24*time.Hour) {
		data.Cut = chosen == "dates"
		from = data.Began
	}
	if until.After(data.Till) && until.Sub(data.Till) <= 48*time.Hour {
		data.Cut = true
		until = data.Till
	}
	return from, until, nil
}

// answerOf says which answer of a verifier the page has to prepare for.
func answerOf(s Statement) string {
	switch {
	case s.Count > 0 && !s.Edge:
		return "accessed"
	case s.Verdict == "verified" && s.Erased.IsZero() && !s.Edge:
		return "none"
	}
	return "unsure"
}

// looksOf lists the accesses that a statement shows, newest first.
func (w *Web) looksOf(v *visit, s Statement) (list []lookEntry, err error) {
	shown := make(map[postern.DisclosureID]bool, len(s.Accesses))
	for _, id := range s.Accesses {
		shown[id] = true
	}
	for before := int64(0); len(list) < len(shown); {
		looks, err := w.Help.Looks(v.ctx(), v.account.ID, before)
		if err != nil {
			return nil, err
		}
		for _, l := range looks {
			if before = l.Seq; shown[l.Disclosure] {
				list = append(list, lookEntry{At: l.At, Look: &l})
			}
		}
		// A record's time is within its window, except near the edges.
		if len(looks) == 0 || looks[len(looks)-1].At.Before(s.From.Add(-24*time.Hour)) {
			break
		}
	}
	return list, w.nameMessages(v, list)
}

func ms(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// statementFile gives the signed file of a window that the page has shown.
func (w *Web) statementFile(v *visit) error {
	var ends [2]time.Time
	for i, name := range []string{"from", "until"} {
		n, err := strconv.ParseInt(v.FormValue(name), 10, 64)
		if err != nil || n < 0 || n > 1<<48 {
			return &postern.Error{Kind: postern.Invalid, Key: "statement.window", Text: "a window ends after it begins"}
		}
		ends[i] = time.UnixMilli(n).UTC()
	}
	tier := postern.TierAccount
	for tier <= postern.TierAttachment && tier.String() != v.FormValue("tier") {
		tier++
	}
	s, err := w.Help.Statement(v.ctx(), v.account.ID, ends[0], ends[1], tier, v.lang)
	if err != nil {
		return err
	}
	downloadHeaders(v, "statement.proof", "application/octet-stream")
	_, err = v.Write(s.File)
	return gone(err)
}

func (w *Web) policyFile(v *visit) error {
	downloadHeaders(v, "policy.txt", "text/plain; charset=utf-8")
	_, err := v.Write(w.Help.Policy())
	return gone(err)
}
