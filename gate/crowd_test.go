package gate_test

import (
	"sync"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
)

// TestContainBesideACrowd ends a session while every ordinary connection is
// taken and none comes back.
func TestContainBesideACrowd(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		s := h.signIn("noor")
		a, c, m := h.customer(1)
		g := h.consented(s, a, c, postern.TierContent, m...)
		// One of PostgreSQL's 16 is the sequencer's, for its leader's lock.
		ordinary := map[db.Engine]int{db.SQLite: 4, db.PostgreSQL: 15}[h.db.Engine()]
		release, held := make(chan struct{}), make(chan struct{}, ordinary)
		var all sync.WaitGroup
		defer all.Wait()
		defer close(release)
		for range ordinary {
			all.Go(func() {
				_ = h.db.View(ctx, func(*db.Tx) error { held <- struct{}{}; <-release; return nil })
			})
		}
		for range ordinary {
			<-held
		}
		contained := make(chan gate.Containment, 1)
		go func() {
			got, err := h.gate.Contain(ctx, gate.Actor{Name: "operator"}, gate.Target{Kind: gate.KindSession, Subject: string(s.ID), Why: "a stolen laptop"})
			if err != nil {
				t.Errorf("containing: %v", err)
			}
			contained <- got
		}()
		select {
		case got := <-contained:
			if got.Grants != 1 || len(got.Sessions) != 1 {
				t.Errorf("it ended %+v instead of the session with the grant %s", got, g.ID)
			}
		case <-time.After(30 * time.Second):
			t.Error("the containment waits behind the crowd")
		}
	})
}
