package gate_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
)

// open is a house with an agent who has a grant.
func opened(h *house) (staff.Session, postern.AccountID, gate.Want) {
	s := h.signIn("noor")
	a, c, m := h.customer(2)
	g := h.consented(s, a, c, postern.TierContent, m...)
	return s, a, gate.Want{Grant: g.ID, Tier: postern.TierContent, Messages: m}
}

func (h *house) contain(g *gate.Gate, kind, subject string) gate.Containment {
	h.t.Helper()
	c, err := g.Contain(ctx, gate.Actor{Name: "operator"}, gate.Target{Kind: kind, Subject: subject, Why: "a test"})
	h.ok(err)
	return c
}

// TestContainCutsAStream streams to a real client without end, contains, and
// counts: after the containment has returned not one more byte is handed over.
func TestContainCutsAStream(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s, _, want := opened(h)
		var sent atomic.Int64
		over := make(chan error, 1)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			d, err := h.gate.Reveal(r.Context(), s, want)
			if err != nil {
				t.Error(err)
				return
			}
			defer d.Done()
			out := d.Writer(w)
			for block := make([]byte, 64<<10); ; {
				n, err := out.Write(block)
				sent.Add(int64(n))
				if err != nil {
					over <- err
					return
				}
			}
		}))
		defer server.Close()
		res, err := http.Get(server.URL)
		h.ok(err)
		defer res.Body.Close()
		_, err = io.CopyN(io.Discard, res.Body, 1<<20)
		h.ok(err)
		rest := make(chan int64)
		go func() {
			n, _ := io.Copy(io.Discard, res.Body) // ends with the connection
			rest <- n
		}()
		c := h.contain(h.gate, gate.KindSession, string(s.ID))
		at := sent.Load()
		wantKey(t, <-over, gate.RefusedContained)
		if after := sent.Load(); after != at {
			t.Errorf("%d bytes were handed over after the containment had returned", after-at)
		}
		if got := <-rest + 1<<20; got > at {
			t.Errorf("the client has %d bytes, and %d were sent", got, at)
		}
		if c.Took > time.Second {
			t.Errorf("a client that reads kept the containment waiting for %s", c.Took)
		}
	})
}

// TestContainOutlastsAStalledClient: a client that does not read holds a
// containment up for the lease's two seconds at most, and its connection is
// dropped with what the kernel still held.
func TestContainOutlastsAStalledClient(t *testing.T) {
	h := newHouse(t, sqlite(t))
	s, _, want := opened(h)
	stalled, over := make(chan struct{}), make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, err := h.gate.Reveal(r.Context(), s, want)
		if err != nil {
			t.Error(err)
			return
		}
		defer d.Done()
		out := d.Writer(w)
		close(stalled)
		for block := make([]byte, 1<<20); ; {
			if _, err := out.Write(block); err != nil {
				over <- err
				return
			}
		}
	}))
	defer server.Close()
	res, err := http.Get(server.URL)
	h.ok(err)
	defer res.Body.Close()
	<-stalled
	c := h.contain(h.gate, gate.KindSession, string(s.ID))
	if c.Took > 3*time.Second {
		t.Errorf("the containment waited for %s", c.Took)
	}
	if err := <-over; err == nil {
		t.Error("the stalled stream went on")
	}
}

// TestContainWaitsForTheLastChunk: it does not return while a delivery that it
// has cut is still under way.
func TestContainWaitsForTheLastChunk(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s, _, want := opened(h)
		d, err := h.gate.Reveal(ctx, s, want)
		h.ok(err)
		returned := make(chan gate.Containment, 1)
		go func() { returned <- h.contain(h.gate, gate.KindCredential, string(s.Credential)) }()
		for d.Alive() == nil {
			runtime.Gosched()
		}
		select {
		case <-returned:
			t.Error("it returned while a chunk was under way")
		default:
		}
		d.Done()
		<-returned
		if n := h.gate.Leases(); n != 0 {
			t.Errorf("%d leases are left", n)
		}
		if err := d.Alive(); postern.KeyOf(err) != gate.RefusedContained {
			t.Errorf("the delivery says %v", err)
		}
	})
}

// TestLeaseIsRenewedWhileTheGrantLives: a slow page outlives its first two
// seconds, and not the ending of what it hangs on, wherever that was decided.
func TestLeaseIsRenewedWhileTheGrantLives(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		other := h.second() // nobody tells h.gate what it ends
		s, a, want := opened(h)
		slow, err := h.gate.Reveal(ctx, s, want)
		h.ok(err)
		defer slow.Done()
		var page bytes.Buffer
		out := slow.Writer(&page)
		for range 3 {
			slow.Age()
			if _, err := out.Write(make([]byte, 100)); err != nil {
				t.Fatalf("a renewal was refused: %v", err)
			}
		}
		h.ok(other.Withdraw(ctx, a, want.Grant))
		slow.Age()
		n, err := out.Write(make([]byte, 100))
		wantKey(t, err, gate.RefusedGrantEnded)
		if n != 0 || page.Len() != 300 {
			t.Errorf("%d bytes were written, 300 of them in time", page.Len())
		}
		if n := h.disclosures(a); n != 1 {
			t.Errorf("renewals made %d disclosures of one", n)
		}
	})
}

// TestRecordStandsWhenTheReadingFails: over-reporting is possible,
// under-reporting is not.
func TestRecordStandsWhenTheReadingFails(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s, a, want := opened(h)
		away := errors.New("the mail plane is away")
		h.mail.before = func(context.Context) error { return away }
		d, err := h.gate.Reveal(ctx, s, want)
		if d != nil || !errors.Is(err, away) {
			t.Errorf("revealed %v, %v", d, err)
		}
		if n := h.disclosures(a); n != 1 {
			t.Errorf("%d disclosures, want the one that could have been", n)
		}
		if n := h.gate.Leases(); n != 0 {
			t.Errorf("%d leases are left", n)
		}
		if got := h.refusals(s.ID); len(got) != 0 {
			t.Errorf("a failure was written down as the refusals %q", got)
		}
	})
}

// TestContainEndsTheReading: a reading that hangs is called off by the
// containment, and what it gave is not shown.
func TestContainEndsTheReading(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s, _, want := opened(h)
		reading := make(chan struct{})
		h.mail.before = func(ctx context.Context) error {
			close(reading)
			<-ctx.Done()
			return nil // a mail plane that does not look at its context
		}
		refused := make(chan error, 1)
		go func() {
			_, err := h.gate.Reveal(ctx, s, want)
			refused <- err
		}()
		<-reading
		h.contain(h.gate, gate.KindGrant, string(want.Grant))
		wantKey(t, <-refused, gate.RefusedContained)
	})
}

// TestRequestsEndReleasesTheLease: a handler that forgets Done holds nothing up.
func TestRequestsEndReleasesTheLease(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s, _, want := opened(h)
		request, end := context.WithCancel(ctx)
		_, err := h.gate.Reveal(request, s, want)
		h.ok(err)
		end()
		for h.gate.Leases() != 0 {
			runtime.Gosched()
		}
	})
}

// TestWatch: open pages hear of endings here and on other nodes, those that
// start to watch too late included.
func TestWatch(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		other := h.second()
		s, a, want := opened(h)
		page, stop := h.gate.Watch(s.ID)
		defer stop()
		far, stopFar := other.Watch(s.ID)
		defer stopFar()
		grant, stopGrant := h.gate.WatchGrant(want.Grant)
		defer stopGrant()
		bystander, stopBystander := h.gate.Watch(h.signIn("piet").ID)
		defer stopBystander()
		gone, stopGone := h.gate.Watch(s.ID)
		stopGone()

		h.ok(h.gate.Withdraw(ctx, a, want.Grant))
		<-grant
		h.contain(h.gate, gate.KindCredential, string(s.Credential))
		<-page
		h.ok(other.Hear(ctx))
		<-far
		late, stopLate := other.Watch(s.ID)
		defer stopLate()
		<-late
		for name, c := range map[string]<-chan struct{}{"a bystander": bystander, "a page that stopped watching": gone} {
			select {
			case <-c:
				t.Errorf("%s was told", name)
			default:
			}
		}
	})
}
