package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/node"
)

const (
	logOrigin   = "mx.bench.example/ledger"
	logAccounts = 1000 // among whom the disclosures are spread
	logMonths   = 3
)

// ledgers measures a log of so many leaves: how fast it is sequenced, and how
// long epochs, proofs, statements, a start and an auditor's replay take at that
// size. The tags are the real VRF's. The log spans three months.
func ledgers(ctx context.Context, engine, postgres string, o Options) (err error) {
	dir, err := os.MkdirTemp("", "postern-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	connect := func() (*db.Handle, error) { return open.SQLite(ctx, dir, "staff") }
	if postgres != "" {
		var cfg node.Config
		drop, err := database(ctx, postgres, &cfg)
		if err != nil {
			return err
		}
		defer drop()
		connect = func() (*db.Handle, error) { return open.PostgreSQL(ctx, cfg.Database.Staff, "staff", 16) }
	}
	h, err := connect()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	keys, err := ledger.NewKeys(logOrigin)
	if err != nil {
		return err
	}
	b := &logBench{o: o, engine: engine, now: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), leaves: o.Leaves}
	b.parts = ledger.Parts{DB: h, Keys: keys, Origin: logOrigin, Node: "bench", Now: b.clock, Log: slog.New(slog.DiscardHandler)}
	if b.l, err = ledger.Open(ctx, b.parts); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{b.fill, b.epoch, b.proofs, b.statements, b.start, b.replay} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// logBench is a ledger with its clock in the bench's hand.
type logBench struct {
	o      Options
	engine string
	leaves int
	parts  ledger.Parts
	l      *ledger.Ledger

	accounts []postern.AccountID
	some     []postern.DisclosureID

	mu  sync.Mutex
	now time.Time
}

func (b *logBench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *logBench) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func (b *logBench) tell(name string, value float64, unit, bar string) {
	b.o.Each(Figure{Name: fmt.Sprintf("%s, %d leaves, %s", name, b.leaves, b.engine), Value: value, Unit: unit, Bar: bar})
}

// each tells how long one of so many turns takes.
func (b *logBench) each(name string, turns int, bar string, f func(i int) error) error {
	all := make([]time.Duration, turns)
	for i := range all {
		began := time.Now()
		if err := f(i); err != nil {
			return err
		}
		all[i] = time.Since(began)
	}
	var sum time.Duration
	for _, d := range all {
		sum += d
	}
	b.o.Each(Figure{Name: fmt.Sprintf("%s, %d leaves, %s", name, b.leaves, b.engine), Value: float64(sum.Microseconds()) / float64(turns), Unit: "µs",
		P50: percentile(all, 50), P95: percentile(all, 95), P99: percentile(all, 99), Bar: bar})
	return nil
}

// disclose writes n disclosures in one transaction.
func (b *logBench) disclose(ctx context.Context, n int) error {
	return b.parts.DB.Update(ctx, func(tx *db.Tx) error {
		for i := range n {
			d := ledger.Disclosure{ID: postern.DisclosureID(postern.NewID()), Account: b.accounts[i*7919%len(b.accounts)], Tier: postern.Tier(1 + i%5), At: b.clock(),
				Grant: postern.GrantID(postern.NewID()), Session: postern.SessionID(postern.NewID()), Staff: postern.StaffID("00000000000000000000000000000001"),
				Reason: postern.ReasonSupport, Fields: postern.FieldSubject}
			if _, err := b.l.Disclose(tx, d); err != nil {
				return err
			}
			if i == n/2 {
				b.some = append(b.some, d.ID)
			}
		}
		return nil
	})
}

// fill writes the log, an epoch every 10,000 leaves, over three months.
func (b *logBench) fill(ctx context.Context) error {
	for range logAccounts {
		b.accounts = append(b.accounts, postern.AccountID(postern.NewID()))
	}
	const batch = 10_000
	var sequencing time.Duration
	rounds := max(logMonths, b.leaves/batch)
	for r := range rounds {
		if err := b.disclose(ctx, b.leaves/rounds); err != nil {
			return err
		}
		began := time.Now()
		if _, err := b.l.Sequence(ctx); err != nil {
			return err
		}
		sequencing += time.Since(began)
		b.advance(80 * 24 * time.Hour / time.Duration(rounds))
		if r == rounds/2 {
			runtime.GC()
		}
	}
	b.tell("sequencer", float64(rounds*(b.leaves/rounds))/sequencing.Seconds(), "leaves/s", "4,100–5,090 on one core (prototype)")
	return nil
}

// epoch is a tick that has 10,000 new tags to put into the map, and then those
// in which an epoch is due and little else.
func (b *logBench) epoch(ctx context.Context) error {
	var m verify.Map
	entries := make([]verify.Entry, 0, b.leaves)
	seed := uint64(b.leaves)
	tag := func() (t [32]byte) {
		for i := 0; i < 32; i += 8 {
			seed ^= seed << 13
			seed ^= seed >> 7
			seed ^= seed << 17
			for j := range 8 {
				t[i+j] = byte(seed >> (8 * j))
			}
		}
		return t
	}
	for i := range b.leaves {
		entries = append(entries, verify.Entry{Tag: tag(), Index: uint64(i)})
	}
	began := time.Now()
	if err := m.Insert(entries...); err != nil {
		return err
	}
	m.Root()
	b.tell("map of as many tags", float64(time.Since(began).Milliseconds()), "ms", "1,400–1,600 ms at 1e6 (prototype)")
	return b.each("epoch with 10,000 new tags", 5, "70–83 ms at 1e6 (prototype)", func(int) error {
		more := entries[:0:0]
		for i := range 10_000 {
			more = append(more, verify.Entry{Tag: tag(), Index: uint64(b.leaves + i)})
		}
		if err := m.Insert(more...); err != nil {
			return err
		}
		m.Root()
		return nil
	})
}

func (b *logBench) policy() (p verify.Policy, err error) {
	text := append(b.l.PolicyFile(), "map none\n"...)
	if bytes.Contains(b.l.PolicyFile(), []byte("\nmap ")) {
		text = b.l.PolicyFile()
	}
	return verify.ParsePolicy(text)
}

func (b *logBench) proofs(ctx context.Context) error {
	b.advance(time.Hour) // an epoch is due, and with it a checkpoint
	if err := b.disclose(ctx, 1); err != nil {
		return err
	}
	if _, err := b.l.Sequence(ctx); err != nil {
		return err
	}
	policy, err := b.policy()
	if err != nil {
		return err
	}
	var file []byte
	err = b.each("inclusion proof made", 300, "0.2 ms at 1e6 (prototype)", func(i int) (err error) {
		file, err = b.l.InclusionFile(ctx, b.some[i*31%len(b.some)])
		return err
	})
	if err != nil {
		return err
	}
	b.tell("inclusion proof", float64(len(file)), "bytes", "639 at 1e6 (prototype)")
	return b.each("inclusion proof verified, with the log's signature", 300, "", func(int) error {
		if r := verify.CheckInclusionFile(file, policy); r.Verdict != verify.Verified {
			return errors.New(r.Text("en"))
		}
		return nil
	})
}

func (b *logBench) statements(ctx context.Context) error {
	// An epoch and a checkpoint that cover all, and an hour in which nothing came.
	for range 3 {
		b.advance(2 * time.Hour)
		if err := b.disclose(ctx, 1); err != nil {
			return err
		}
		if _, err := b.l.Sequence(ctx); err != nil {
			return err
		}
	}
	policy, err := b.policy()
	if err != nil {
		return err
	}
	from, until, err := b.l.Provable(ctx)
	if err != nil {
		return err
	}
	stranger := postern.AccountID(postern.NewID()) // nobody ever looked at them
	for _, c := range []struct {
		name   string
		tier   postern.Tier
		from   time.Time
		who    func(i int) postern.AccountID
		finds  string
		verify bool
		bar    string
	}{
		{"one month, two tiers, nothing", postern.TierContent, time.Date(until.Year(), until.Month(), 1, 0, 0, 0, 0, time.UTC), func(int) postern.AccountID { return stranger }, verify.FindingNone, true, "1 ms, 4.6 kB, 2 ms at 1e6 (prototype)"},
		{"all months, two tiers, nothing", postern.TierContent, from, func(int) postern.AccountID { return stranger }, verify.FindingNone, true, "1 ms, 7.6 kB, 2 ms at 1e6 (prototype)"},
		{"all months, all tiers, nothing, accounts not known yet", postern.TierAccount, from, func(int) postern.AccountID { return postern.AccountID(postern.NewID()) }, verify.FindingNone, true, ""},
		{"the last day, accounts that were looked at", postern.TierContent, until.Add(-24 * time.Hour), func(i int) postern.AccountID { return b.accounts[i%logAccounts] }, "", false, ""},
	} {
		var s ledger.Statement
		err := b.each("statement made: "+c.name, 200, c.bar, func(i int) (err error) {
			s, err = b.l.Statement(ctx, c.who(i), "ana@bench.example", ledger.Window{From: c.from, Until: until, Tier: c.tier})
			if err == nil && c.finds != "" && s.Finding != c.finds {
				err = fmt.Errorf("the statement says %s", s.Finding)
			}
			return err
		})
		if err != nil {
			return err
		}
		b.tell("statement: "+c.name, float64(len(s.File)), "bytes", "")
		if !c.verify {
			continue
		}
		err = b.each("statement verified: "+c.name, 50, "", func(int) error {
			if r := verify.CheckNonAccessFile(s.File, policy); r.Why != "" && r.Why != verify.WhyUnwitnessed {
				return errors.New(r.Text("en"))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	var did atomic.Int64
	began := time.Now()
	errs := make([]error, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for time.Since(began) < b.o.For && errs[i] == nil {
				_, errs[i] = b.l.Statement(ctx, stranger, "ana@bench.example", ledger.Window{From: from, Until: until, Tier: postern.TierContent})
				did.Add(1)
			}
		})
	}
	wg.Wait()
	b.tell("statements at once on all cores", float64(did.Load())/time.Since(began).Seconds(), "/s", "")
	return errors.Join(errs...)
}

func (b *logBench) start(ctx context.Context) error {
	b.l = nil
	runtime.GC()
	began := time.Now()
	l, err := ledger.Open(ctx, b.parts)
	if err != nil {
		return err
	}
	b.tell("start-up", float64(time.Since(began).Milliseconds()), "ms", "1,200 ms at 1e6 (prototype)")
	b.l = l
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.tell("memory of a ledger that is ready", float64(m.HeapAlloc)/(1<<20), "MiB", "68 MB for a map of 1e6 (prototype)")
	return nil
}

// replay is an auditor's, without the time that reading takes.
func (b *logBench) replay(ctx context.Context) error {
	var leaves [][]byte
	err := b.parts.DB.View(ctx, func(tx *db.Tx) error {
		return tx.Rows(`SELECT data FROM ledger_leaf ORDER BY idx`, nil, func(s db.Scanner) error {
			var leaf []byte
			err := s.Scan(&leaf)
			leaves = append(leaves, leaf)
			return err
		})
	})
	if err != nil {
		return err
	}
	b.l = nil
	runtime.GC()
	began := time.Now()
	r, err := verify.Replay(func(yield func([]byte, error) bool) {
		for _, l := range leaves {
			if !yield(l, nil) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	b.tell(fmt.Sprintf("replay, %d epochs", r.Epoch().Epoch), float64(time.Since(began).Milliseconds()), "ms", "1,600 ms at 1e6 (prototype)")
	return nil
}
