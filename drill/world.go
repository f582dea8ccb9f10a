package drill

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/message"
	"github.com/postern-mail/postern/node"
)

// customer is an invented customer.
type customer struct {
	id       postern.AccountID
	address  string
	name     string
	locale   string
	password string
	letters  []*letter
}

// letter is one of their messages.
type letter struct {
	account *customer
	id      postern.MessageID
	mark    string // 12 hexadecimal digits
	guarded bool
	raw     []byte
	at      time.Time
}

// member is an invented member of staff.
type member struct {
	login, name, password string
	secret                string // of the one-time codes
	from                  string // address they work from
	organisation          string
	locale                string
}

// world is everybody and everything in a drill, made from its seed.
type world struct {
	rng       *rand.Rand
	customers []*customer
	agents    []*member
	responder *member
	second    *member // approves notices
	marked    map[string]*letter
}

var domains = []string{"outlook.example", "hotmail.example", "msn.example"}

// invent makes the people and their mail; nothing is stored yet.
func invent(seed int64, accounts, agents int, start time.Time) (*world, error) {
	w := &world{rng: rand.New(rand.NewPCG(uint64(seed), 0x706f737465726e)), marked: map[string]*letter{}}
	for i := range accounts {
		c := &customer{address: fmt.Sprintf("person%04d@%s", i, domains[i%len(domains)]), name: names[w.rng.IntN(len(names))], locale: "en", password: fmt.Sprintf("drill-password-%04d", i)}
		if w.rng.IntN(5) < 2 {
			c.locale = "fr"
		}
		for range 3 + w.rng.IntN(4) {
			l, err := w.letter(c, start)
			if err != nil {
				return nil, err
			}
			c.letters = append(c.letters, l)
			w.marked[l.mark] = l
		}
		w.customers = append(w.customers, c)
	}
	for i := range agents {
		m := &member{login: fmt.Sprintf("agent%02d@staff.example", i), name: names[w.rng.IntN(len(names))], password: fmt.Sprintf("drill-agent-%04d", i),
			from: fmt.Sprintf("127.40.%d.10", i), organisation: "provider", locale: "en"}
		if i%4 == 3 {
			m.organisation = "helpline"
		}
		w.agents = append(w.agents, m)
	}
	w.responder = &member{login: "responder@staff.example", name: "Idris Haddad", password: "drill-responder-1", from: "127.41.1.10", organisation: "provider", locale: "en"}
	w.second = &member{login: "second@staff.example", name: "Mei Tanaka", password: "drill-responder-2", from: "127.41.2.10", organisation: "provider", locale: "en"}
	return w, nil
}

func (w *world) letter(c *customer, start time.Time) (*letter, error) {
	raw := make([]byte, 6)
	for i := range raw {
		raw[i] = byte(w.rng.Uint32())
	}
	l := &letter{account: c, mark: hex.EncodeToString(raw), at: start.Add(-time.Duration(1+w.rng.IntN(60*24)) * time.Hour), guarded: w.rng.IntN(8) == 0}
	kind := topics[w.rng.IntN(len(topics))]
	if l.guarded {
		kind = resets[w.rng.IntN(len(resets))]
	}
	from := message.Address{Name: kind.sender, Mailbox: "post", Host: kind.host}
	d := message.Draft{From: from, To: []message.Address{{Name: c.name, Mailbox: local(c.address), Host: domain(c.address)}},
		Subject: kind.subject + " SU-" + l.mark, Date: l.at, MessageID: "<" + l.mark + "@" + kind.host + ">", Plain: kind.text + "\n\nBO-" + l.mark + "\n"}
	var err error
	l.raw, err = d.Bytes()
	return l, err
}

// settle stores the world in a node: accounts with their mail, staff with
// password and one-time code.
func (w *world) settle(ctx context.Context, n *node.Node, progress func(done, total int)) error {
	var done atomic.Int64
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(16) // so that commits are shared
	for _, c := range w.customers {
		g.Go(func() error {
			var out node.AccountOut
			if err := n.Do(gctx, "account.add", node.AccountIn{Address: c.address, Name: c.name, Locale: c.locale, Password: c.password}, &out); err != nil {
				return err
			}
			c.id = out.ID
			for _, l := range c.letters {
				id, err := n.Mail.Append(gctx, c.id, "INBOX", l.raw, nil, l.at)
				if err != nil {
					return err
				}
				l.id, l.raw = id, nil
			}
			progress(int(done.Add(1)), len(w.customers))
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("couldn't store the invented customers: %w", err)
	}
	for id, kind := range map[string]string{"provider": "provider", "helpline": "outsourcer"} {
		if err := n.Do(ctx, "staff.organisation", node.OrganisationIn{ID: postern.OrganisationID(id), Name: "Drill " + kind, Kind: kind}, nil); err != nil {
			return err
		}
	}
	hire := func(m *member, roles ...string) error {
		in := node.StaffIn{Login: m.login, Name: m.name, Locale: m.locale, Organisation: postern.OrganisationID(m.organisation), Roles: roles}
		if err := n.Do(ctx, "staff.add", in, nil); err != nil {
			return err
		}
		var out node.StaffOut
		if err := n.Do(ctx, "staff.password", node.StaffIn{Login: m.login, Password: m.password}, &out); err != nil {
			return err
		}
		u, err := url.Parse(out.OTP)
		if err != nil {
			return err
		}
		m.secret = u.Query().Get("secret")
		return nil
	}
	for _, m := range w.agents {
		if err := hire(m, "agent"); err != nil {
			return err
		}
	}
	if err := hire(w.responder, "responder"); err != nil {
		return err
	}
	return hire(w.second, "responder", "approver")
}
