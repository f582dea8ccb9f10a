package mail

import (
	"context"
	"fmt"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/mail/rules"
	"github.com/postern-mail/postern/message"
)

// Words that the trace adds to the verdicts when a message did not take the
// usual way: "rule=filed" and so on, "forward=sent" or "forward=loop", and why
// it is in Junk, "junk=reject" (see check.Result).
const (
	byRuleFiled = "rule=filed"
	byRuleJunk  = "rule=junk"
	byRuleTrash = "rule=trash"
	byRuleSent  = "forward=sent"
	byRuleLoop  = "forward=loop"
)

// Deliver keeps the message for every recipient, or for none, each where their
// rules want it. When it returns nil the message is durable, and so is what is
// to be forwarded: both are one transaction. Unavailable with the key
// "mail.quota-full" when a recipient has no room.
//
// What is forwarded goes out with the customer's own address as the envelope's
// sender: SPF answers for this house then, and what comes back comes to the
// customer (a null-sender bounce, which is never forwarded again). The header
// and so the author's DKIM signature stay as they were.
func (m *Mail) Deliver(ctx context.Context, d Delivery) error {
	in := store.AppendIn{Role: store.RoleInbox, Raw: d.Raw, Sender: d.Sender, Verdicts: d.Verdicts, Event: store.EventDelivered, Detail: d.Remote}
	if d.Junk {
		in.Role, in.Event = store.RoleJunk, store.EventJunked
	}
	if d.Event != "" {
		in.Event = d.Event
	}
	places, forwards, err := m.decide(ctx, d, in)
	if err != nil {
		return err
	}
	_, err = m.store.DeliverTo(ctx, d.To, in, places, forwards.queue)
	if postern.KindOf(err) == postern.NotFound && len(places) > 0 {
		// A mailbox that a rule names went between the look and the row.
		for acc, p := range places {
			p.Mailbox, p.Role = "", in.Role
			places[acc] = p
		}
		_, err = m.store.DeliverTo(ctx, d.To, in, places, forwards.queue)
	}
	return err
}

// forwards are the copies that leave, with who sends them on.
type forwards struct {
	out  Queue
	list []forward
}

type forward struct {
	from account.Account
	to   []string
	raw  []byte
}

func (f forwards) queue(tx *db.Tx) error {
	for _, one := range f.list {
		if err := f.out.Forward(tx, one.from.ID, one.from.Address, one.to, one.raw); err != nil {
			return err
		}
	}
	return nil
}

// decide asks the rules of each recipient that has any.
func (m *Mail) decide(ctx context.Context, d Delivery, in store.AppendIn) (places map[postern.AccountID]store.Place, out forwards, err error) {
	if q := m.queue.Load(); q != nil {
		out.out = *q
	}
	places = map[postern.AccountID]store.Place{}
	var facts *rules.Facts
	for _, acc := range d.To {
		list, err := m.rules.Of(ctx, acc)
		if err != nil {
			return nil, out, err
		}
		if _, twice := places[acc]; twice || len(list) == 0 {
			continue
		}
		if facts == nil {
			read, err := message.Parse(d.Raw)
			if err != nil {
				return places, out, nil // the store will say so
			}
			f := rules.FactsOf(read)
			facts = &f
		}
		a, err := m.accounts.ByID(ctx, acc)
		if err != nil {
			return nil, out, err
		}
		what := rules.Decide(list, *facts, a.Address, d.Sender, d.Junk)
		if what.Matched == 0 {
			continue
		}
		places[acc] = m.place(ctx, acc, d, in, what)
		if len(what.Forward) > 0 && out.out != nil && a.Status == account.Active {
			out.list = append(out.list, forward{a, what.Forward, rules.Stamp(a.Address, d.Raw)})
		}
	}
	return places, out, nil
}

// place says where a decision puts a message. What the door found to be junk
// stays in Junk or goes to Trash: no filter brings it back to the INBOX.
func (m *Mail) place(ctx context.Context, acc postern.AccountID, d Delivery, in store.AppendIn, what rules.Decision) store.Place {
	p := store.Place{Role: in.Role, Event: in.Event}
	words := []string{d.Verdicts}
	switch {
	case what.Trash:
		p.Role = store.RoleTrash
		words = append(words, byRuleTrash)
	case what.Junk && !d.Junk:
		p.Role, p.Event = store.RoleJunk, store.EventJunked
		words = append(words, byRuleJunk)
	case what.Mailbox != "" && !d.Junk:
		// A mailbox that is gone is no reason to lose or to refuse mail.
		if mb, err := m.store.MailboxByID(ctx, acc, postern.MailboxID(what.Mailbox)); err == nil {
			p.Mailbox, p.Role = mb.ID, ""
			words = append(words, byRuleFiled)
		}
	}
	if what.Read {
		p.Flags = append(p.Flags, store.Seen)
	}
	if what.Flag {
		p.Flags = append(p.Flags, store.Flagged)
	}
	switch {
	case len(what.Forward) > 0:
		words = append(words, byRuleSent)
	case what.Looped:
		words = append(words, byRuleLoop)
	}
	p.Verdicts = strings.TrimSpace(strings.Join(words, " "))
	return p
}

var forwardingWords = map[string]struct{ subject, text string }{
	"en": {"Your mail is now being forwarded", "A rule was set up in your mailbox that sends your mail on to this address:\n\n  %s\n\nIf this was you, there is nothing to do.\n\nIf it was not you: somebody has your password. Open the app you always use, go to Settings, then to Filters and forwarding, and take the rule away. Then change your password and end all other sessions.\n"},
	"fr": {"Votre courrier est maintenant transféré", "Une règle de votre boîte transfère désormais votre courrier à cette adresse :\n\n  %s\n\nSi c’est vous qui l’avez créée, vous n’avez rien à faire.\n\nSi ce n’est pas vous : quelqu’un a votre mot de passe. Ouvrez l’application que vous utilisez toujours, allez dans Réglages, puis Filtres et transfert, et supprimez la règle. Changez ensuite votre mot de passe et fermez toutes les autres sessions.\n"},
}

// tellForwarding puts a notice into the INBOX, where no rule can move it away.
// It holds no link: whoever is told this is about to be phished.
func (m *Mail) tellForwarding(ctx context.Context, to account.Account, addresses []string) error {
	words, ok := forwardingWords[to.Locale]
	if !ok {
		words = forwardingWords["en"]
	}
	at := strings.LastIndexByte(to.Address, '@')
	domain := to.Address[at+1:]
	raw, err := message.Draft{
		From: message.Address{Mailbox: "security", Host: domain}, To: []message.Address{{Name: to.Name, Mailbox: to.Address[:at], Host: domain}},
		Subject: words.subject, Date: m.now(), MessageID: "<forwarding-" + postern.NewID() + "@" + domain + ">",
		Plain:  fmt.Sprintf(words.text, strings.Join(addresses, "\n  ")),
		Header: [][2]string{{"Auto-Submitted", "auto-generated"}}, // RFC 3834
	}.Bytes()
	if err != nil {
		return err
	}
	_, err = m.Append(ctx, to.ID, "INBOX", raw, nil, m.now())
	return err
}

// RuleFacts is what rules look at in a stored message, for trying one out.
func (m *Mail) RuleFacts(ctx context.Context, acc postern.AccountID, id postern.MessageID) (rules.Facts, error) {
	_, raw, err := m.store.Message(ctx, acc, id)
	if err != nil {
		return rules.Facts{}, err
	}
	read, err := message.Parse(raw)
	if err != nil {
		return rules.Facts{}, err
	}
	return rules.FactsOf(read), nil
}
