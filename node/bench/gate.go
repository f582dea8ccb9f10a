package bench

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/staff"
)

// gates measures the gate's transaction with its receipt, without the mail
// plane, while the sequencer runs beside it.
func gates(ctx context.Context, n *node.Node, engine string, o Options) error {
	if err := n.Staff.CreateOrganisation(ctx, staff.Organisation{ID: "provider", Name: "Bench", Kind: "provider"}); err != nil {
		return err
	}
	const most = 64
	ways := make([]way, most)
	for i := range ways {
		var err error
		if ways[i], err = newWay(ctx, n, i); err != nil {
			return err
		}
	}
	for _, c := range []struct {
		callers int
		bar     string
	}{
		{1, map[string]string{"SQLite": "4,000/s, p50 0.23 ms (prototype)"}[engine]},
		{32, map[string]string{"PostgreSQL": "5,300/s, p50 4.9 ms (prototype)"}[engine]},
		{64, map[string]string{"SQLite": "64,000/s, p50 0.8 ms (prototype)"}[engine]},
	} {
		f, err := reveals(ctx, n, ways[:c.callers], o.For)
		if err != nil {
			return err
		}
		f.Name, f.Unit, f.Bar = fmt.Sprintf("gate transaction, %s, %d callers", engine, c.callers), "/s", c.bar
		o.Each(f)
	}
	return nil
}

// way is one agent's session with a grant.
type way struct {
	session staff.Session
	want    gate.Want
}

func newWay(ctx context.Context, n *node.Node, i int) (way, error) {
	w, _, err := newWayAt(ctx, n, i, postern.TierEnvelope, fmt.Sprintf("127.0.%d.0/24", i))
	return w, err
}

// newWayAt gives the session's secret, too.
func newWayAt(ctx context.Context, n *node.Node, i int, tier postern.Tier, network string) (way, string, error) {
	m, err := n.Staff.CreateMember(ctx, staff.NewMember{Login: fmt.Sprintf("agent%d@bench.example", i), Name: fmt.Sprintf("Agent %d", i), Locale: "en", Organisation: "provider", Roles: []staff.Role{staff.Agent}})
	if err != nil {
		return way{}, "", err
	}
	secret := fmt.Sprintf("bench password %d", i)
	_, otp, err := n.Staff.SetPassword(ctx, m.ID, secret)
	if err != nil {
		return way{}, "", err
	}
	u, err := url.Parse(otp)
	if err != nil {
		return way{}, "", err
	}
	code, err := totp.GenerateCode(u.Query().Get("secret"), n.Now())
	if err != nil {
		return way{}, "", err
	}
	token, s, err := n.Staff.SignInPassword(ctx, m.Login, secret, code, staff.From{Network: network, Agent: "Go-http-client/1.1"})
	if err != nil {
		return way{}, "", err
	}
	a, err := n.Accounts.Create(ctx, account.New{Address: fmt.Sprintf("person%d@bench.example", i), Name: "Person", Locale: "en"})
	if err != nil {
		return way{}, "", err
	}
	id, err := n.Mail.Append(ctx, a.ID, "INBOX", letter(i, 1024), nil, n.Now())
	if err != nil {
		return way{}, "", err
	}
	r, err := n.Gate.Ask(ctx, s, gate.Ask{Account: a.ID, Tier: tier, Scope: postern.Scope{Messages: []postern.MessageID{id}}, Reason: postern.ReasonService, Sentence: "bench", For: time.Hour})
	if err != nil {
		return way{}, "", err
	}
	return way{s, gate.Want{Grant: r.Grant, Tier: tier, Messages: []postern.MessageID{id}}}, token, nil
}

func reveals(ctx context.Context, n *node.Node, ways []way, long time.Duration) (Figure, error) {
	took := make([][]time.Duration, len(ways))
	errs := make([]error, len(ways))
	begun := time.Now()
	var all sync.WaitGroup
	for i, w := range ways {
		all.Go(func() {
			for time.Since(begun) < long {
				t := time.Now()
				if _, _, err := n.Gate.Authorise(ctx, w.session, w.want); err != nil {
					errs[i] = err
					return
				}
				took[i] = append(took[i], time.Since(t))
			}
		})
	}
	all.Wait()
	elapsed := time.Since(begun).Seconds()
	var list []time.Duration
	for i := range took {
		if errs[i] != nil {
			return Figure{}, errs[i]
		}
		list = append(list, took[i]...)
	}
	return Figure{Value: float64(len(list)) / elapsed, P50: percentile(list, 50), P99: percentile(list, 99)}, nil
}
