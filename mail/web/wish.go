package web

import (
	"github.com/postern-mail/postern/ui"
)

// wishes fills in what the customer wants done with requests, and offers.
func (w *Web) wishes(v *visit, data *consentsView) (err error) {
	if data.Wish, err = w.Help.Wish(v.ctx(), v.account.ID); err != nil {
		return err
	}
	for _, wish := range []string{"ask", "each", "refuse"} {
		data.Wishes = append(data.Wishes, ui.Option{Value: wish, Text: w.t(v, "wish."+wish), Selected: wish == data.Wish})
	}
	offers, err := w.Help.Offers(v.ctx(), v.account.ID)
	if err != nil {
		return err
	}
	for _, o := range offers {
		lines, err := w.shareLines(v, o.Messages, false)
		if err != nil {
			return err
		}
		data.Offers = append(data.Offers, offerView{o, lines})
	}
	return nil
}

func (w *Web) setWish(v *visit) error {
	if err := w.Help.SetWish(v.ctx(), v.account.ID, v.PostFormValue("wish")); err != nil {
		return err
	}
	w.setFlash(v, flash{Text: "done.saved"})
	return v.redirect("/consent")
}

func (w *Web) takeBack(v *visit) error {
	if err := w.Help.TakeBack(v.ctx(), v.account.ID, v.PathValue("id")); err != nil {
		return err
	}
	w.setFlash(v, flash{Text: "done.withdrawn"})
	return v.redirect("/consent")
}
