package node

import (
	"context"
	"strconv"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/message"
	"github.com/postern-mail/postern/response/notify"
)

// controls is what the response centre may do in the mail plane: learn a
// person's name and language, and put a notice into their mailbox.
type controls struct{ n *Node }

func (c controls) Person(ctx context.Context, id postern.AccountID) (notify.Person, error) {
	a, err := c.n.Accounts.ByID(ctx, id)
	return notify.Person{Address: a.Address, Name: a.Name, Locale: a.Locale}, err
}

// Deliver puts a notice into the INBOX. Its Message-ID is made of ID and
// version, and an account that holds that Message-ID has the notice already.
func (c controls) Deliver(ctx context.Context, id postern.AccountID, m notify.NoticeMail) error {
	a, err := c.n.Accounts.ByID(ctx, id)
	if err != nil {
		return err
	}
	messageID := "<notice-" + string(m.ID) + "-" + strconv.Itoa(m.Version) + "@" + c.n.cfg.Hostname + ">"
	held, err := c.n.Mail.Find(ctx, id, postern.Scope{Query: "id:" + messageID, Limit: 1})
	if err != nil || len(held) > 0 {
		return err
	}
	domain := a.Address[lastAt(a.Address)+1:]
	raw, err := message.Draft{
		From:    message.Address{Name: c.n.cfg.Provider, Mailbox: "security", Host: domain},
		To:      []message.Address{{Name: a.Name, Mailbox: a.Address[:lastAt(a.Address)], Host: domain}},
		Subject: m.Subject, Date: c.n.now(), MessageID: messageID, Plain: m.Text,
		// RFC 3834, 5: nothing answers a notice by itself.
		Header: [][2]string{{"Auto-Submitted", "auto-generated"}, {"Content-Language", m.Locale}},
	}.Bytes()
	if err != nil {
		return err
	}
	_, err = c.n.Mail.Append(ctx, id, "INBOX", raw, nil, c.n.now())
	return err
}

func lastAt(address string) int {
	for i := len(address) - 1; i >= 0; i-- {
		if address[i] == '@' {
			return i
		}
	}
	return -1
}
