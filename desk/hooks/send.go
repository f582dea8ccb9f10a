package hooks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/desk"
)

// waits are the times between tries, about a day in all; after the last the
// delivery is dead.
var waits = [...]time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour, 3 * time.Hour, 8 * time.Hour, 12 * time.Hour}

const (
	atOnce   = 64 // deliveries of one turn
	parallel = 8
	patience = 10 * time.Second
)

// Happened writes an event for every hook of its organisation: a case that is
// nobody's yet is the provider's. It runs in the event's transaction.
func (h *Hooks) Happened(tx *db.Tx, e desk.Event) error {
	all, err := hooks(tx, "ended = 0 AND url <> '' ORDER BY id")
	if err != nil {
		return err
	}
	for _, k := range all {
		if e.By.Staff == desk.OfHook && e.By.Name == k.Label {
			continue // it did so itself
		}
		of := e.Case.Organisation
		if of == "" {
			of = "provider"
		}
		if k.Organisation != of {
			continue
		}
		body, ok, err := k.body(e)
		if err != nil {
			return err
		}
		if !ok {
			continue // nothing that this system could do with it
		}
		if err := tx.ExecOne(`INSERT INTO hook_delivery (id, hook, event, case_id, payload, made, tries, next, state, status, problem) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?6, 'waiting', 0, '')`,
			"msg_"+postern.NewID(), k.ID, string(e.Kind), string(e.Case.ID), body, e.At.UnixMilli()); err != nil {
			return err
		}
	}
	return nil
}

type sending struct {
	Delivery
	hook     Hook
	payload  []byte
	external string
}

// Tick sends what is due once and gives how many arrived.
func (h *Hooks) Tick(ctx context.Context) (arrived int, err error) {
	var due []sending
	now := h.Now()
	err = h.DB.View(ctx, func(tx *db.Tx) error {
		err := tx.Rows(`SELECT d.id, d.hook, d.event, d.case_id, d.tries, d.payload, c.external FROM hook_delivery d JOIN desk_case c ON c.id = d.case_id
			WHERE d.state = 'waiting' AND d.next <= ?1 ORDER BY d.next, d.n LIMIT ?2`, db.Args(now.UnixMilli(), int64(atOnce)), func(row db.Scanner) error {
			var s sending
			err := row.Scan(&s.ID, &s.Hook, &s.Event, &s.Case, &s.Tries, &s.payload, &s.external)
			due = append(due, s)
			return err
		})
		for i := range due {
			if err == nil {
				due[i].hook, err = hook(tx, due[i].Hook)
			}
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	var group sync.WaitGroup
	room := make(chan struct{}, parallel)
	var mu sync.Mutex
	for _, s := range due {
		room <- struct{}{}
		group.Go(func() {
			defer func() { <-room }()
			ok, one := h.deliver(ctx, s)
			mu.Lock()
			defer mu.Unlock()
			if ok {
				arrived++
			}
			err = errors.Join(err, one)
		})
	}
	group.Wait()
	return arrived, err
}

func (h *Hooks) deliver(ctx context.Context, s sending) (bool, error) {
	status, ticket, problem := h.try(ctx, s)
	if ctx.Err() != nil {
		return false, nil // it is tried again by whoever leads next
	}
	state, next := Waiting, h.Now()
	switch {
	case problem == nil:
		state = Delivered
	case status == http.StatusGone || s.Tries >= len(waits): // Standard Webhooks: 410 means never again
		state = Dead
	default:
		next = next.Add(waits[s.Tries])
	}
	words := ""
	if problem != nil {
		words = problem.Error()
		if len(words) > 300 {
			words = words[:300]
		}
	}
	if ticket != "" {
		if err := h.Cases.SetTicket(ctx, s.Case, s.Hook, ticket); err != nil {
			return false, err
		}
	}
	err := h.DB.Update(ctx, func(tx *db.Tx) error {
		return tx.ExecOne("UPDATE hook_delivery SET state = ?2, tries = tries + 1, next = ?3, status = ?4, problem = ?5 WHERE id = ?1",
			s.ID, state, next.UnixMilli(), int64(status), words)
	})
	return problem == nil, err
}

func (h *Hooks) try(ctx context.Context, s sending) (status int, ticket string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := s.hook.request(ctx, s)
	if err != nil {
		return 0, "", err
	}
	stamp := strconv.FormatInt(h.Now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Postern")
	r.Header.Set("webhook-id", s.ID)
	r.Header.Set("webhook-timestamp", stamp)
	r.Header.Set("webhook-signature", sign(s.hook.secret, s.ID, stamp, s.payload))
	c := h.public
	if s.hook.Private {
		c = h.private
	}
	a, err := c.Do(r)
	if err != nil {
		var refused *net.OpError
		if errors.As(err, &refused) { // without the address, which may hold a secret
			return 0, "", refused.Err
		}
		return 0, "", errors.New("the other system could not be reached")
	}
	defer a.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(a.Body, 64<<10))
	if err != nil {
		return a.StatusCode, "", errors.New("the answer broke off")
	}
	if a.StatusCode < 200 || a.StatusCode > 299 {
		return a.StatusCode, "", fmt.Errorf("the other system answered %d", a.StatusCode)
	}
	return a.StatusCode, s.hook.ticketOf(answer), nil
}

// client gives a client that follows nothing and dials no private address
// unless it may. The address is checked after its name is resolved, at the
// dialing itself, so that a name cannot change in between.
func client(private bool) *http.Client {
	d := &net.Dialer{Timeout: patience, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if !private && !public(at.Addr()) {
			return errors.New("the address is on a private network, and this hook may not go there")
		}
		return nil
	}}
	return &http.Client{
		Timeout:       patience,
		Transport:     &http.Transport{DialContext: d.DialContext, TLSHandshakeTimeout: patience, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// special are networks of RFC 6890 that net/netip has no word for.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("fec0::/10"),
}

func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// kept is how long what was delivered or received is remembered.
const kept = 30 * 24 * time.Hour

// Run sends until ctx ends; one process of all does.
func (h *Hooks) Run(ctx context.Context) error {
	return h.DB.Lead(ctx, "desk hooks", func(ctx context.Context) error {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for turn := 0; ; turn++ {
			if _, err := h.Tick(ctx); err != nil && ctx.Err() == nil {
				h.Log.Error("couldn't send hooks", "error", err)
			}
			if turn%3600 == 0 {
				if err := h.forget(ctx); err != nil && ctx.Err() == nil {
					h.Log.Error("couldn't forget old hooks", "error", err)
				}
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
}

func (h *Hooks) forget(ctx context.Context) error {
	before := h.Now().Add(-kept).UnixMilli()
	return h.DB.Update(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec("DELETE FROM hook_received WHERE at < ?1", before); err != nil {
			return err
		}
		_, err := tx.Exec("DELETE FROM hook_delivery WHERE state = 'delivered' AND made < ?1", before)
		return err
	})
}
