package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ui"
)

type consentsView struct {
	Waiting []ConsentRequest
	Running []permissionView
	Offers  []offerView
	Wishes  []ui.Option
	Wish    string
}

type offerView struct {
	Offer
	Lines []shareLine
}

type permissionView struct {
	Permission
	Lines []shareLine
}

type consentView struct {
	ConsentRequest
	Lines   []shareLine
	Guarded bool
	Minutes []ui.Option
	Tiers   []ui.Option // as deep as asked, and shallower
	Error   string
}

func (w *Web) consents(v *visit) error {
	waiting, err := w.Help.Waiting(v.ctx(), v.account.ID)
	if err != nil {
		return err
	}
	running, err := w.Help.Running(v.ctx(), v.account.ID)
	if err != nil {
		return err
	}
	data := consentsView{Waiting: waiting}
	if err := w.wishes(v, &data); err != nil {
		return err
	}
	for _, p := range running {
		lines, err := w.shareLines(v, p.Messages, false)
		if err != nil {
			return err
		}
		data.Running = append(data.Running, permissionView{p, lines})
	}
	return w.show(v, http.StatusOK, "consent", ui.Page{Title: "consent.title", Data: data})
}

func (w *Web) findRequest(v *visit) (ConsentRequest, error) {
	all, err := w.Help.Waiting(v.ctx(), v.account.ID)
	if err != nil {
		return ConsentRequest{}, err
	}
	i := slices.IndexFunc(all, func(c ConsentRequest) bool { return string(c.ID) == v.PathValue("id") })
	if i < 0 {
		return ConsentRequest{}, &postern.Error{Kind: postern.NotFound, Key: "consent.gone", Text: "the request is answered or over"}
	}
	return all[i], nil
}

func (w *Web) consent(v *visit) error {
	c, err := w.findRequest(v)
	if err != nil {
		return err
	}
	return w.showConsent(v, http.StatusOK, c, "")
}

func (w *Web) showConsent(v *visit, status int, c ConsentRequest, problem string) error {
	lines, err := w.shareLines(v, c.Messages, true)
	if err != nil {
		return err
	}
	data := consentView{ConsentRequest: c, Lines: lines, Error: problem, Minutes: w.minutes(v, c.For)}
	for t := c.Tier; t >= postern.TierEnvelope && t <= c.Tier; t-- {
		data.Tiers = append(data.Tiers, ui.Option{Value: t.String(), Text: w.t(v, "tier."+t.String()), Selected: t == c.Tier})
	}
	for _, l := range lines {
		data.Guarded = data.Guarded || l.Guarded
	}
	p := ui.Page{Title: "consent.one", Data: data}
	if problem != "" {
		p.Errors = []ui.Problem{{Field: "messages", Text: problem}}
	}
	return w.show(v, status, "consent-one", p)
}

// minutes offers the time that was asked for and shorter ones.
func (w *Web) minutes(v *visit, asked time.Duration) (out []ui.Option) {
	all := []int{int(asked / time.Minute)}
	for _, m := range []int{60, 30, 15, 5} {
		if m < all[0] {
			all = append(all, m)
		}
	}
	for i, m := range all {
		out = append(out, ui.Option{Value: strconv.Itoa(m), Text: w.ui.Words().Duration(v.lang, time.Duration(m)*time.Minute), Selected: i == 0})
	}
	return out
}

func (w *Web) agree(v *visit) error {
	c, err := w.findRequest(v)
	if err != nil {
		return err
	}
	var chosen []postern.MessageID
	for _, id := range messageIDs(v.PostForm["message"]) {
		if slices.Contains(c.Messages, id) {
			chosen = append(chosen, id)
		}
	}
	minutes, err := strconv.Atoi(v.PostFormValue("minutes"))
	if err != nil || minutes < 1 || minutes > 24*60 { // never taken for "as asked": they may mean less
		return w.showConsent(v, http.StatusUnprocessableEntity, c, w.t(v, "consent.minutes"))
	}
	if len(chosen) == 0 && len(c.Messages) > 0 {
		return w.showConsent(v, http.StatusUnprocessableEntity, c, w.t(v, "consent.none"))
	}
	y := Yes{Messages: chosen, Minutes: minutes, Once: v.PostFormValue("once") != ""}
	if name := v.PostFormValue("tier"); name != "" {
		var ok bool
		if y.Tier, ok = postern.TierNamed(name); !ok {
			return &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.tier", Text: "choose a tier"}
		}
	}
	if err := w.Help.Agree(v.ctx(), v.account.ID, c.ID, y); err != nil {
		return err
	}
	w.setFlash(v, flash{Text: "done.agreed"})
	return v.redirect("/consent")
}

func (w *Web) decline(v *visit) error {
	sentence := strings.TrimSpace(v.PostFormValue("sentence"))
	if len(sentence) > 500 {
		return &postern.Error{Kind: postern.Invalid, Text: "the sentence is longer than 500 bytes"}
	}
	if sentence == "" {
		sentence = w.t(v, "consent.declined")
	}
	if err := w.Help.Decline(v.ctx(), v.account.ID, postern.RequestID(v.PathValue("id")), sentence); err != nil {
		return err
	}
	w.setFlash(v, flash{Text: "done.declined"})
	return v.redirect("/consent")
}

func (w *Web) withdraw(v *visit) error {
	if err := w.Help.Withdraw(v.ctx(), v.account.ID, postern.GrantID(v.PathValue("grant"))); err != nil {
		return err
	}
	w.setFlash(v, flash{Text: "done.withdrawn"})
	return v.redirect("/consent")
}
