package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/node"
)

// statementPage measures "Was anybody in my mailbox?" from outside, over a log of
// so many leaves in three months.
func statementPage(ctx context.Context, engine, postgres string, o Options) error {
	var mu sync.Mutex
	now := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	advance := func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
	}
	return withNodeAt(ctx, postgres, node.Options{Now: clock, Manual: true}, func(n *node.Node) error {
		const password = "bench password 1"
		a, err := n.Accounts.Create(ctx, account.New{Address: "ana@bench.example", Name: "Ana", Locale: "en", Password: password})
		if err != nil {
			return err
		}
		others := make([]postern.AccountID, logAccounts)
		for i := range others {
			others[i] = postern.AccountID(postern.NewID())
		}
		write := func(count int, whose func(int) postern.AccountID) error {
			err := n.Ledger.DB.Update(ctx, func(tx *db.Tx) error {
				for i := range count {
					d := ledger.Disclosure{Account: whose(i), Tier: postern.Tier(1 + i%5), At: clock(), Grant: postern.GrantID(postern.NewID()), Session: postern.SessionID(postern.NewID()),
						Staff: "00000000000000000000000000000001", Reason: postern.ReasonSupport, Fields: postern.FieldStatus}
					if _, err := n.Ledger.Disclose(tx, d); err != nil {
						return err
					}
				}
				return nil
			})
			if err == nil {
				_, err = n.Ledger.Sequence(ctx)
			}
			return err
		}
		rounds := max(logMonths, o.Leaves/10_000)
		for r := range rounds {
			if err := write(o.Leaves/rounds, func(i int) postern.AccountID { return others[i*7919%logAccounts] }); err != nil {
				return err
			}
			if r == rounds/2 { // Ana was looked at as well, in the middle
				if err := write(10, func(int) postern.AccountID { return a.ID }); err != nil {
					return err
				}
			}
			advance(80 * 24 * time.Hour / time.Duration(rounds))
		}
		for range 3 {
			advance(2 * time.Hour)
			if err := write(1, func(int) postern.AccountID { return others[0] }); err != nil {
				return err
			}
		}
		jar, err := cookiejar.New(nil)
		if err != nil {
			return err
		}
		browser := &http.Client{Jar: jar, Transport: &http.Transport{DialContext: loopback}, Timeout: time.Minute}
		get := func(res *http.Response, err error) (string, error) {
			if err != nil {
				return "", err
			}
			defer res.Body.Close()
			b, err := io.ReadAll(res.Body)
			if err == nil && res.StatusCode != http.StatusOK {
				err = fmt.Errorf("%s answered %s", res.Request.URL, res.Status)
			}
			return string(b), err
		}
		form, err := http.NewRequestWithContext(ctx, http.MethodPost, n.Origins().Mail+"/sign-in", strings.NewReader(url.Values{"address": {a.Address}, "password": {password}}.Encode()))
		if err != nil {
			return err
		}
		form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		form.Header.Set("Origin", n.Origins().Mail)
		if _, err := get(browser.Do(form)); err != nil {
			return err
		}
		for _, c := range []struct{ name, query, says string }{
			{"nothing in thirty days, two tiers", "window=month&tier=content", "Nobody looked"},
			{"three months, all tiers, ten accesses", "window=all&tier=account", "There were 10 accesses"},
		} {
			all := make([]time.Duration, 200)
			for i := range all {
				began := time.Now()
				page, err := get(browser.Get(n.Origins().Mail + "/statement?" + c.query))
				if err != nil {
					return err
				}
				if all[i] = time.Since(began); !strings.Contains(page, c.says) {
					return fmt.Errorf("the page does not say %q", c.says)
				}
			}
			o.Each(Figure{Name: fmt.Sprintf("/statement, %s, %d leaves, %s", c.name, o.Leaves, engine), Value: 1000 / percentile(all, 50), Unit: "/s",
				P50: percentile(all, 50), P95: percentile(all, 95), P99: percentile(all, 99), Bar: "p95 50 ms at 1e6"})
		}
		return nil
	})
}
