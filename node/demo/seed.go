package demo

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/message"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/staff"
)

//go:embed people.toml
var peopleText string

//go:embed mail.toml
var mailText string

// cast is people.toml.
type cast struct {
	Customer []struct{ Address, Name, Locale string }
	Staff    []struct {
		Login, Name, Locale, Organisation string
		Roles                             []string
	}
	Organisation []struct{ ID, Name, Kind string }
}

// letter is one message of mail.toml.
type letter struct {
	To, From, Subject, Plain, HTML string
	Ago                            int // minutes before the demo starts
	Seen, Junk                     bool
	Attachment                     struct{ Name, Type, Text string }
}

// Password is every invented customer's, for mail clients; pages sign in with a
// click.
const Password = "demo-only-2019"

func read() (c cast, letters []letter, err error) {
	if _, err := toml.Decode(peopleText, &c); err != nil {
		return c, nil, fmt.Errorf("people.toml: %w", err)
	}
	var m struct{ Message []letter }
	if _, err := toml.Decode(mailText, &m); err != nil {
		return c, nil, fmt.Errorf("mail.toml: %w", err)
	}
	return c, m.Message, nil
}

// people fills an empty Postern with the cast; their number in the ledger comes
// with the account.
func people(ctx context.Context, n *node.Node, c cast) error {
	for _, o := range c.Organisation {
		if err := n.Staff.CreateOrganisation(ctx, staff.Organisation{ID: postern.OrganisationID(o.ID), Name: o.Name, Kind: o.Kind}); err != nil {
			return err
		}
	}
	for _, s := range c.Staff {
		m := staff.NewMember{Login: s.Login, Name: s.Name, Locale: s.Locale, Organisation: postern.OrganisationID(s.Organisation)}
		for _, r := range s.Roles {
			m.Roles = append(m.Roles, staff.Role(r))
		}
		if _, err := n.Staff.CreateMember(ctx, m); err != nil {
			return err
		}
	}
	for _, p := range c.Customer {
		a, err := n.Accounts.Create(ctx, account.New{Address: p.Address, Name: p.Name, Locale: p.Locale, Password: Password, QuotaBytes: 1 << 30})
		if err != nil {
			return err
		}
		if _, err := n.Ledger.Number(ctx, a.ID); err != nil {
			return err
		}
	}
	return nil
}

// today gives the cast their mail and one open case.
func today(ctx context.Context, n *node.Node, c cast, letters []letter) error {
	accounts := map[string]account.Account{}
	for _, p := range c.Customer {
		a, err := n.Accounts.ByAddress(ctx, p.Address)
		if err != nil {
			return err
		}
		accounts[p.Address] = a
	}
	for i := len(letters) - 1; i >= 0; i-- {
		if _, err := post(ctx, n, accounts, letters[i], i); err != nil {
			return fmt.Errorf("mail.toml, message %d: %w", i+1, err)
		}
	}
	ana := accounts["ana@outlook.example"]
	// It was given to the outsourcer, where Bo works it.
	_, err := n.Cases.OpenCase(ctx, desk.NewCase{Outsourcer: "helpline", Account: ana.ID, Address: ana.Address, Name: ana.Name, Locale: ana.Locale,
		Subject: "Je n'arrive pas à ouvrir la facture du garage",
		Text:    "Bonjour,\n\nLe Garage Lemaire dit m'avoir envoyé la facture 2047 ce matin. Je vois le message, mais la pièce jointe s'affiche n'importe comment. Pouvez-vous regarder ?\n\nMerci,\nAna Moreau"})
	return err
}

func post(ctx context.Context, n *node.Node, accounts map[string]account.Account, l letter, i int) (postern.MessageID, error) {
	to, ok := accounts[l.To]
	if !ok {
		return "", fmt.Errorf("nobody is %s", l.To)
	}
	senders := message.ParseAddresses(l.From)
	if len(senders) != 1 {
		return "", fmt.Errorf("%q is not one sender", l.From)
	}
	from := senders[0]
	at := n.Now().Add(-time.Duration(l.Ago) * time.Minute)
	mailbox, host := "INBOX", from.Host
	d := message.Draft{From: from, To: message.ParseAddresses(fmt.Sprintf("%q <%s>", to.Name, to.Address)), Subject: l.Subject, Date: at, MessageID: fmt.Sprintf("<%d.%d@%s>", at.Unix(), i, host), Plain: l.Plain, HTML: l.HTML}
	if l.Attachment.Name != "" {
		d.Attachments = []message.File{{Name: l.Attachment.Name, Type: l.Attachment.Type, Data: []byte(l.Attachment.Text)}}
	}
	raw, err := d.Bytes()
	if err != nil {
		return "", err
	}
	var flags []string
	if l.Seen {
		flags = []string{`\Seen`}
	}
	if l.Junk {
		mailbox = "Junk"
	}
	return n.Mail.Append(ctx, to.ID, mailbox, raw, flags, at)
}
