// Package drill rehearses a breach with invented people and a synthetic thief,
// and measures the minutes.
//
// The thief is outside: a client that signs in over HTTP with the stolen
// credential and keeps its own record of the bytes it received. The scorecard
// compares that record with what Postern concluded; so the drill cannot flatter
// the product it measures. The rooms are the real ones; only the clock is the
// drill's, so that a quarter of a year passes in a minute, the same way for the
// same seed.
//
// What it keeps: a temporary data directory, removed at the end.
//
// Trust: it makes its own Postern and must never be pointed at one that
// somebody uses.
package drill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/node"
)

// Options choose a drill.
type Options struct {
	Scenario string // "redmond-2019"
	Policy   string // "default", "standing", or a policy file
	Seed     int64
	// Accounts and Agents make a smaller world for tests; 0 means 1,000 and 40.
	Accounts, Agents int
	Progress         func(what string, done, total int) // may be nil
}

// Scenarios lists what can be rehearsed.
var Scenarios = []string{"redmond-2019"}

// The quarter of redmond-2019: the thieves had 87 days.
var begin = time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	days       = 87
	slowDays   = 60 // low and slow, from the owner's own network; then greedy, from another
	slowVisit  = 5  // accounts at a visit, and up to two more; one visit a night
	greedVisit = 60
)

// rehearsal is one running drill.
type rehearsal struct {
	o         Options
	card      Scorecard
	clock     *clock
	world     *world
	node      *node.Node
	origins   node.OriginsConfig
	thief     *thief
	alert     *node.AlertOut
	alarmed   time.Time
	known     map[postern.AlertID]bool
	incident  string // its page
	contained bool
	busy      bool // the responder is acting
	exposed   map[postern.AccountID]bool
}

// Run rehearses and gives the scorecard.
func Run(ctx context.Context, o Options) (_ Scorecard, err error) {
	if !slices.Contains(Scenarios, o.Scenario) {
		return Scorecard{}, &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("there is no scenario %q: the one of this version is %s", o.Scenario, Scenarios[0])}
	}
	o.Accounts, o.Agents = cmp.Or(o.Accounts, 1000), cmp.Or(o.Agents, 40)
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	r := &rehearsal{o: o, clock: &clock{at: begin.Add(-time.Hour)}, known: map[postern.AlertID]bool{}, exposed: map[postern.AccountID]bool{}}
	r.card.Scenario, r.card.Policy, r.card.Seed = o.Scenario, policyName(o.Policy), o.Seed
	r.card.Notices.Languages = map[string]int{"fr": 0, "en": 0}
	dir, err := os.MkdirTemp("", "postern-drill-")
	if err != nil {
		return r.card, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if r.world, err = invent(o.Seed, o.Accounts, o.Agents, begin); err != nil {
		return r.card, err
	}
	cfg := node.DefaultConfig()
	cfg.Data, cfg.Provider, cfg.Hostname, cfg.Domains = filepath.Join(dir, "data"), "Outlook Example", "mx.outlook.example", domains
	cfg.Mail.Outbound, cfg.Gate.Policy = "hold", o.Policy
	off := false
	cfg.Mail.Check = &off
	cfg.Listen = node.ListenConfig{Mail: "127.0.0.1:0", Desk: "127.0.0.1:0", Response: "127.0.0.1:0"}
	if r.node, err = node.Listen(ctx, cfg, node.Rehearsal(r.clock.now)); err != nil {
		return r.card, err
	}
	r.origins = r.node.Origins()
	serving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	go func() {
		err := r.node.Serve(serving)
		if err != nil {
			fail(err) // or every client would wait for an answer
		}
		ended <- err
	}()
	defer func() {
		stop()
		if served := <-ended; served != nil && !errors.Is(served, context.Canceled) {
			err = errors.Join(err, served)
		}
		err = errors.Join(err, r.node.Close())
	}()
	return r.card, r.run(ctx)
}

func policyName(policy string) string {
	if policy == "default" || policy == "strict" || policy == "standing" {
		return policy
	}
	return filepath.Base(policy)
}

// event is something that happens at its time.
type event struct {
	at time.Time
	do func(ctx context.Context) error
}

func (r *rehearsal) run(ctx context.Context) error {
	if err := r.world.settle(ctx, r.node, func(done, total int) { r.o.Progress("inventing people", done, total) }); err != nil {
		return err
	}
	events := r.plan()
	for i, e := range events {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.clock.to(e.at)
		if err := e.do(ctx); err != nil {
			return fmt.Errorf("on %s of the drill: %w", r.clock.now().Format("2 January 2006"), err)
		}
		r.o.Progress("rehearsing", i+1, len(events))
	}
	if r.alert == nil {
		if err := r.outsider(ctx); err != nil {
			return err
		}
	}
	if err := r.scope(ctx); err != nil {
		return fmt.Errorf("couldn't scope: %w", err)
	}
	if err := r.tell(ctx); err != nil {
		return fmt.Errorf("couldn't notify: %w", err)
	}
	r.card.Thief.AccountsEnvelope, r.card.Thief.AccountsContent, r.card.Thief.MessagesContent = counts(r.thief.received)
	r.card.Thief.Attempts, r.card.Thief.Refused = r.thief.attempts, r.thief.refused
	after, err := r.after(ctx)
	if err != nil {
		return err
	}
	r.card.Contain.DisclosuresAfter = after
	sum, err := r.node.Ledger.Verify(ctx)
	r.card.Ledger.Leaves, r.card.Ledger.Verified = sum.Size, err == nil
	return err
}

// plan lays out the quarter: ordinary cases by day, the thief by night.
func (r *rehearsal) plan() []event {
	rng := r.world.rng
	r.thief = &thief{record: &record{world: r.world, received: map[postern.MessageID]seen{}}, stolen: r.world.agents[rng.IntN(len(r.world.agents))], order: slices.Clone(r.world.customers)}
	rng.Shuffle(len(r.thief.order), func(i, j int) { r.thief.order[i], r.thief.order[j] = r.thief.order[j], r.thief.order[i] })
	var events []event
	for _, agent := range r.world.agents {
		for range 3 + rng.IntN(3) {
			c := r.world.customers[rng.IntN(len(r.world.customers))]
			at := begin.AddDate(0, 0, rng.IntN(days)).Add(time.Duration(8*60+rng.IntN(9*60)) * time.Minute)
			events = append(events, event{at, func(ctx context.Context) error { return r.work(ctx, agent, c) }})
		}
	}
	for day := range days {
		night := begin.AddDate(0, 0, day).Add(time.Duration(22*60+rng.IntN(60)) * time.Minute)
		most, from := slowVisit+rng.IntN(3), "127.66.6.6"
		if day < slowDays {
			from = neighbour(r.thief.stolen.from)
		} else {
			most = greedVisit
		}
		events = append(events, event{night, func(ctx context.Context) error { return r.prowl(ctx, r.thief, most, from) }})
	}
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	return events
}

// neighbour is another address of the same network: the thief comes through a
// machine near the owner's as long as it is patient.
func neighbour(address string) string { return address[:len(address)-2] + "99" }

// step lets Postern think after each thing that somebody did: the sequencer,
// then detection; and it has the responder act once an alert is old enough.
func (r *rehearsal) step(ctx context.Context) error {
	if _, err := r.node.Ledger.Sequence(ctx); err != nil {
		return err
	}
	raised, err := r.node.Response.Tick(ctx)
	if err != nil {
		return err
	}
	if raised > 0 {
		if err := r.watch(ctx); err != nil {
			return err
		}
	}
	if r.alert != nil && !r.contained && !r.responding() && r.clock.now().Sub(r.alarmed) >= reaction {
		r.busy = true
		defer func() { r.busy = false }()
		return r.respond(ctx)
	}
	return nil
}

// chance is true with probability p.
func (r *rehearsal) chance(p float64) bool { return r.world.rng.Float64() < p }

// responding says that the responder is at work: what they do must not wake
// them again.
func (r *rehearsal) responding() bool { return r.incident != "" || r.busy }

// after counts the disclosures of the stolen credential that the ledger has at
// or after the containment's position.
func (r *rehearsal) after(ctx context.Context) (int, error) {
	var position int64 = -1
	n := 0
	for from := int64(0); ; {
		entries, err := r.node.Ledger.Entries(ctx, from, 1000)
		if err != nil {
			return 0, err
		}
		if len(entries) == 0 {
			if position < 0 {
				return 0, errors.New("the ledger has no containment")
			}
			return n, nil
		}
		for _, e := range entries {
			from = e.Index
			if e.Control != nil && e.Control.Kind.String() == "contain" {
				position = e.Index
			}
			if e.Disclosure != nil && position >= 0 && e.Disclosure.Credential == r.alert.Credential {
				n++
			}
		}
	}
}
