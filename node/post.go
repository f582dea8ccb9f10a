package node

import (
	"context"
	"strconv"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/message"
)

// post is what the desk may do in the mail plane: put a reply into the mailbox
// of the customer whose case it is.
type post struct{ n *Node }

var _ desk.Mailer = post{}

// Reply appends a letter to the INBOX, in one thread with the case's earlier
// ones. Its Message-ID is made of the letter's ID, and an account that holds
// that Message-ID has the letter already.
func (p post) Reply(ctx context.Context, l desk.Letter) error {
	a, err := p.n.Accounts.ByID(ctx, l.Account)
	if err != nil {
		return err
	}
	id := func(letter string) string { return "<case-" + letter + "@" + p.n.cfg.Hostname + ">" }
	held, err := p.n.Mail.Find(ctx, l.Account, postern.Scope{Query: "id:" + id(l.ID), Limit: 1})
	if err != nil || len(held) > 0 {
		return err
	}
	at := lastAt(a.Address)
	domain := a.Address[at+1:]
	subject, text := l.Mail(p.n.origins.Mail + "/help/" + strconv.FormatInt(l.Number, 10))
	d := message.Draft{
		From:    message.Address{Name: p.n.cfg.Provider, Mailbox: "support", Host: domain},
		To:      []message.Address{{Name: a.Name, Mailbox: a.Address[:at], Host: domain}},
		Subject: subject, Date: l.At, MessageID: id(l.ID), Plain: text,
		// RFC 3834, 5: nobody reads an answer to it, so nothing should give one
		// by itself.
		Header: [][2]string{{"Auto-Submitted", "auto-generated"}, {"Content-Language", l.Locale}},
	}
	if len(l.Before) > 0 { // RFC 5322, 3.6.4
		before := make([]string, len(l.Before))
		for i, one := range l.Before {
			before[i] = id(one)
		}
		d.InReplyTo = before[len(before)-1]
		d.Header = append(d.Header, [2]string{"References", strings.Join(before, " ")})
	}
	raw, err := d.Bytes()
	if err != nil {
		return err
	}
	_, err = p.n.Mail.Append(ctx, l.Account, "INBOX", raw, nil, p.n.now())
	return err
}
