package node

import (
	"context"
	"strconv"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/mail/web"
	"github.com/postern-mail/postern/message"
)

func (h help) Wish(ctx context.Context, id postern.AccountID) (string, error) {
	w, err := h.n.Gate.Preference(ctx, id)
	return string(w), err
}

func (h help) SetWish(ctx context.Context, id postern.AccountID, wish string) error {
	return h.n.Gate.SetPreference(ctx, id, gate.Wish(wish))
}

func (h help) Offers(ctx context.Context, id postern.AccountID) ([]web.Offer, error) {
	offers, err := h.n.Gate.OffersOf(ctx, id)
	if err != nil || len(offers) == 0 {
		return nil, err
	}
	numbers, err := h.numbers(ctx, id)
	if err != nil {
		return nil, err
	}
	list := make([]web.Offer, len(offers))
	for i, o := range offers {
		list[i] = web.Offer{ID: o.ID, Case: numbers[o.Case], Tier: o.Tier, Messages: o.Messages, Made: o.Made}
	}
	return list, nil
}

func (h help) TakeBack(ctx context.Context, id postern.AccountID, offer string) error {
	return h.n.Gate.TakeBack(ctx, id, offer)
}

// teller tells customers of emergency access, in their INBOX.
type teller struct{ n *Node }

var _ gate.Teller = teller{}

// Tell delivers once: the Message-ID is made of the telling's mark, and an account
// that holds that Message-ID has been told already. Nobody can have sent it one
// before: the mark is told here first.
func (t teller) Tell(ctx context.Context, id postern.AccountID, told gate.Told) error {
	a, err := t.n.Accounts.ByID(ctx, id)
	if err != nil {
		return err
	}
	messageID := "<emergency-" + told.Mark + "@" + t.n.cfg.Hostname + ">"
	held, err := t.n.Mail.Find(ctx, id, postern.Scope{Query: "id:" + messageID, Limit: 1})
	if err != nil || len(held) > 0 {
		return err
	}
	subject, text := emergencyWords(a.Locale, told)
	domain := a.Address[lastAt(a.Address)+1:]
	raw, err := message.Draft{
		From:    message.Address{Name: t.n.cfg.Provider, Mailbox: "security", Host: domain},
		To:      []message.Address{{Name: a.Name, Mailbox: a.Address[:lastAt(a.Address)], Host: domain}},
		Subject: subject, Date: t.n.now(), MessageID: messageID, Plain: text,
		Header: [][2]string{{"Auto-Submitted", "auto-generated"}, {"Content-Language", a.Locale}},
	}.Bytes()
	if err != nil {
		return err
	}
	_, err = t.n.Mail.Append(ctx, id, "INBOX", raw, nil, t.n.now())
	return err
}

// emergencyWords says it without links: who, when, how deep, how many messages,
// who agreed, and where the customer reads what was opened.
func emergencyWords(locale string, t gate.Told) (subject, text string) {
	from, until := t.At.UTC().Format("2006-01-02 15:04"), t.Until.UTC().Format("2006-01-02 15:04")
	n := strconv.Itoa(len(t.Messages))
	var b strings.Builder
	line := func(parts ...string) {
		b.WriteString(strings.Join(parts, ""))
		b.WriteString("\n")
	}
	if locale == "fr" {
		tiers := map[postern.Tier]string{postern.TierAccount: "l’état du compte", postern.TierTrace: "le trajet de messages", postern.TierEnvelope: "l’enveloppe de messages (adresses, objets, dates)",
			postern.TierContent: "le texte de messages", postern.TierAttachment: "des messages entiers, pièces jointes comprises"}
		line("Un accès d’urgence à votre courrier a été accordé sans votre accord.")
		if t.Held {
			line("Une obligation légale nous empêchait de vous le dire plus tôt. Elle a pris fin.")
		}
		line()
		line("Qui : ", t.StaffName, ", ", t.OrganisationName)
		line("Quand : du ", from, " au ", until, " (temps universel)")
		line("Quoi : ", tiers[t.Tier], " ; messages concernés : ", n)
		line("Pourquoi : ", t.Sentence)
		line("Qui l’a autorisé : ", t.AgreedBy)
		line()
		line("Ce qui a été ouvert figure dans votre courrier, sous « Qui a regardé ».")
		return "Accès d’urgence à votre courrier", b.String()
	}
	tiers := map[postern.Tier]string{postern.TierAccount: "the state of the account", postern.TierTrace: "the way of messages", postern.TierEnvelope: "the envelope of messages (addresses, subjects, dates)",
		postern.TierContent: "the text of messages", postern.TierAttachment: "whole messages, with attachments"}
	line("Emergency access to your mail was granted without asking you.")
	if t.Held {
		line("A legal duty kept us from telling you earlier. It has ended.")
	}
	line()
	line("Who: ", t.StaffName, ", ", t.OrganisationName)
	line("When: ", from, " to ", until, " (universal time)")
	line("What: ", tiers[t.Tier], "; messages: ", n)
	line("Why: ", t.Sentence)
	line("Who allowed it: ", t.AgreedBy)
	line()
	line("What was opened is listed in your mail under Who looked.")
	return "Emergency access to your mail", b.String()
}
