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
	"sync/atomic"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/staff"
)

// crowd is how many agents work at once.
const crowd = 64

// pause is how long an agent looks at a page before opening the next.
const pause = time.Second

// worker is an agent with a browser, and a message that may be opened.
type worker struct {
	way
	client *http.Client
	desk   string
	page   string
}

// desks measures Desk over HTTP, from outside.
func desks(ctx context.Context, n *node.Node, engine string, o Options) error {
	if err := n.Staff.CreateOrganisation(ctx, staff.Organisation{ID: "provider", Name: "Bench", Kind: "provider"}); err != nil {
		return err
	}
	workers := make([]worker, crowd)
	for i := range workers {
		var err error
		if workers[i], err = newWorker(ctx, n, i); err != nil {
			return err
		}
	}
	figure := func(name, bar, path string, every time.Duration) error {
		took, err := visit(ctx, workers, path, every, o.For)
		if err != nil {
			return err
		}
		o.Each(Figure{Name: name + ", " + engine, Value: float64(len(took)) / o.For.Seconds(), Unit: "/s", P50: percentile(took, 50), P95: percentile(took, 95), P99: percentile(took, 99), Bar: bar})
		return nil
	}
	bar := map[string]string{"SQLite": "p99 under 10 ms", "PostgreSQL": "p99 under 25 ms"}[engine]
	if o.wants("reveal") {
		if err := figure("reveal over HTTP, 64 agents, one a second each", bar, "", pause); err != nil {
			return err
		}
		if err := figure("reveal over HTTP, 64 agents without a pause", "", "", 0); err != nil {
			return err
		}
	}
	for _, path := range []string{"/cases", "/grants", "/accounts"} {
		if !o.wants("desk") {
			break
		}
		if err := figure("Desk "+path+", 64 agents, one a second each", "p95 under 30 ms", path, pause); err != nil {
			return err
		}
	}
	if !o.wants("contain") {
		return nil
	}
	return contains(ctx, n, engine, workers, o)
}

func newWorker(ctx context.Context, n *node.Node, i int) (worker, error) {
	w, token, err := newWayAt(ctx, n, i, postern.TierContent, "127.0.0.0/24")
	if err != nil {
		return worker{}, err
	}
	desk := n.Origins().Desk
	at, err := url.Parse(desk)
	if err != nil {
		return worker{}, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return worker{}, err
	}
	jar.SetCookies(at, []*http.Cookie{{Name: "postern-desk-session", Value: token, Path: "/"}})
	transport := &http.Transport{DialContext: loopback, MaxIdleConnsPerHost: 1}
	return worker{way: w, desk: desk, page: "/grants/" + string(w.want.Grant) + "/messages/" + string(w.want.Messages[0]),
		client: &http.Client{Jar: jar, Transport: transport, Timeout: time.Minute}}, nil
}

// get opens a page and reads it to its end.
func (w *worker) get(ctx context.Context, path string) (status int, text string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.desk+path, nil)
	if err != nil {
		return 0, "", err
	}
	res, err := w.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

// visit has every worker open a page (its own message when path is empty) again
// and again, and gives how long each took.
func visit(ctx context.Context, workers []worker, path string, every, long time.Duration) ([]time.Duration, error) {
	took := make([][]time.Duration, len(workers))
	errs := make([]error, len(workers))
	begun := time.Now()
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			w := &workers[i]
			// Not all in the same moment.
			wait(ctx, every*time.Duration(i)/time.Duration(len(workers)))
			for time.Since(begun) < long && ctx.Err() == nil {
				at := path
				if at == "" {
					at = w.page
				}
				t := time.Now()
				status, text, err := w.get(ctx, at)
				if err == nil && (status != http.StatusOK || path == "" && !strings.Contains(text, "The quick brown fox")) {
					err = fmt.Errorf("%s answers %d without what was to be shown", at, status)
				}
				if err != nil {
					errs[i] = err
					return
				}
				took[i] = append(took[i], time.Since(t))
				wait(ctx, every-time.Since(t))
			}
		})
	}
	all.Wait()
	var list []time.Duration
	for i := range took {
		if errs[i] != nil {
			return nil, errs[i]
		}
		list = append(list, took[i]...)
	}
	return list, nil
}

func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// contains ends one session after another while all agents reveal without a
// pause, and counts what the ledger says was disclosed after each end.
func contains(ctx context.Context, n *node.Node, engine string, workers []worker, o Options) error {
	working, stop := context.WithCancel(ctx)
	var ended [crowd]atomic.Bool
	var late atomic.Int64 // pages begun after the end had returned that show the message
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			for working.Err() == nil {
				after := ended[i].Load()
				status, text, err := workers[i].get(working, workers[i].page)
				if err != nil {
					continue // the end cuts what is under way
				}
				if after && status == http.StatusOK && strings.Contains(text, "The quick brown fox") {
					late.Add(1)
				}
			}
		})
	}
	wait(ctx, time.Second)
	var took, ends []time.Duration // until Contain returned; until nothing more was shown
	var failed error
	endings := map[postern.SessionID]time.Time{}
	for i := 0; i < crowd/2 && failed == nil; i++ {
		t := time.Now()
		c, err := n.Gate.Contain(ctx, gate.Actor{Name: "bench"}, gate.Target{Kind: "session", Subject: string(workers[i].session.ID), Why: "bench"})
		ended[i].Store(true)
		took, ends = append(took, time.Since(t)), append(ends, c.Took)
		endings[workers[i].session.ID] = n.Now()
		failed = err
		wait(ctx, 20*time.Millisecond)
	}
	wait(ctx, time.Second)
	stop()
	all.Wait()
	if failed != nil {
		return failed
	}
	after := int64(0)
	for i := range crowd / 2 {
		id := workers[i].session.ID
		found, err := n.Ledger.Find(ctx, ledger.Filter{Sessions: []postern.SessionID{id}, DisclosuresOnly: true, Limit: 1})
		if err != nil {
			return err
		}
		for _, e := range found {
			if e.Disclosure.At.After(endings[id]) {
				after++
			}
		}
	}
	const beside = "beside 64 agents revealing without a pause"
	o.Each(Figure{Name: fmt.Sprintf("contain %s, %s: disclosures after it %d, pages shown after it %d", beside, engine, after, late.Load()),
		Value: float64(len(ends)), Unit: "ends", P50: percentile(ends, 50), P99: percentile(ends, 99), Bar: "p99 under 100 ms, none after"})
	o.Each(Figure{Name: fmt.Sprintf("its place in the log known, %s", engine), Value: float64(len(took)), Unit: "ends", P50: percentile(took, 50), P99: percentile(took, 99)})
	return nil
}
