package staff

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/password"
	"github.com/postern-mail/postern/staff/throttle"
)

func TestPasswordSignIn(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor := h.hire(t, "noor", "helpline", Agent, Approver)
		from := From{Network: home, Agent: "Browser"}
		code := h.code(t, noor)
		token, s, err := h.SignInPassword(t.Context(), " NOOR ", pass, code[:3]+" "+code[3:], from)
		if err != nil {
			t.Fatal(err)
		}
		if s.Staff != noor.ID || s.Credential != noor.credential || s.Organisation != "helpline" || s.OrganisationKind != "outsourcer" ||
			s.Name != noor.Name || s.Locale != "fr" || !s.Is(Approver) || s.Is(Responder) || s.Network != home || s.Expires.Sub(s.Created) != SessionLife {
			t.Errorf("session %+v", s)
		}
		if got, err := h.SessionOf(t.Context(), token); err != nil || got.ID != s.ID {
			t.Errorf("SessionOf = %+v, %v", got, err)
		}
		for _, test := range []struct{ name, login, pass, code, key string }{
			{"code again", "noor", pass, code, KeyWrong},
			{"wrong password", "noor", pass + "x", h.code(t, noor), KeyWrong},
			{"wrong code", "noor", pass, "000000", KeyWrong},
			{"no code", "noor", pass, "", KeyWrong},
			{"nobody", "noora", pass, code, KeyWrong},
			{"no login", "\xff", "", "", KeyWrong},
		} {
			t.Run(test.name, func(t *testing.T) {
				_, _, err := h.SignInPassword(t.Context(), test.login, test.pass, test.code, From{Network: elsewhere})
				wantKey(t, err, test.key)
			})
			h.clock.pass(2 * password.Forget)
		}
	})
}

// TestCodeIsTakenOnce has many hands use one right code at once.
func TestCodeIsTakenOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor := h.hire(t, "noor", "provider")
		code := h.code(t, noor)
		var in atomic.Int32
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				// Each from a network of its own, so that no count of failures helps.
				if _, _, err := h.SignInPassword(t.Context(), "noor", pass, code, From{Network: fmt.Sprintf("198.51.%d.0/24", i)}); err == nil {
					in.Add(1)
				}
			})
		}
		wg.Wait()
		if in.Load() != 1 {
			t.Errorf("%d sign-ins with one code", in.Load())
		}
		events, err := h.Events(t.Context(), 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, e := range events {
			count[e.Result]++
		}
		if count[resultOK] != 1 || count[resultReplayed] != 7 {
			t.Errorf("events %v", count)
		}
	})
}

func TestCodeWindow(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor := h.hire(t, "noor", "provider")
		early := h.code(t, noor)
		h.clock.pass(totpPeriod * time.Second)
		if _, _, err := h.SignInPassword(t.Context(), "noor", pass, early, From{Network: home}); err != nil {
			t.Errorf("the step before is refused: %v", err)
		}
		h.clock.pass(2 * totpPeriod * time.Second)
		_, _, err := h.SignInPassword(t.Context(), "noor", pass, early, From{Network: home})
		wantKey(t, err, KeyWrong)
	})
}

func TestFailuresCost(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor := h.hire(t, "noor", "provider")
		h.signIn(t, noor, From{Network: home})

		guess := func(from From) error {
			_, _, err := h.SignInPassword(t.Context(), "noor", "wrong guess", "123456", from)
			return err
		}
		for range throttle.FreeHere {
			wantKey(t, guess(From{Network: elsewhere}), KeyWrong)
		}
		wantKey(t, guess(From{Network: elsewhere}), KeyThrottled)
		h.clock.pass(2 * time.Second)
		wantKey(t, guess(From{Network: elsewhere}), KeyWrong)
		h.clock.pass(2 * time.Second)
		wantKey(t, guess(From{Network: elsewhere}), KeyThrottled)

		// Strangers from everywhere use up what the login has.
		for i := range throttle.FreeLogin {
			guess(From{Network: fmt.Sprintf("10.0.%d.0/24", i)})
		}
		wantKey(t, guess(From{Network: "10.9.9.0/24"}), KeyThrottled)
		// Its owner, at home, is not locked out by them.
		h.signIn(t, noor, From{Network: home})

		// And nobody for good.
		h.clock.pass(password.Forget + time.Second)
		h.signIn(t, noor, From{Network: elsewhere})
		var left int
		if err := h.h.View(t.Context(), func(tx *db.Tx) error {
			return tx.Row("SELECT count(*) FROM staff_failure WHERE last < ?1", db.Args(millis(h.clock.now().Add(-password.Forget))), &left)
		}); err != nil {
			t.Fatal(err)
		}
		guess(From{Network: "10.1.1.0/24"})
		if err := h.h.View(t.Context(), func(tx *db.Tx) error { return tx.Row("SELECT count(*) FROM staff_failure", nil, &left) }); err != nil {
			t.Fatal(err)
		}
		if left != 3 {
			t.Errorf("%d counts are kept, want the 3 of the last guess", left)
		}
	})
}

func TestOneNetworkCannotTryEverybody(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for i := range throttle.FreeNetwork {
			_, _, err := h.SignInPassword(t.Context(), fmt.Sprintf("guess%d", i), "wrong guess", "123456", From{Network: elsewhere})
			wantKey(t, err, KeyWrong)
		}
		_, _, err := h.SignInPassword(t.Context(), "another", "wrong guess", "123456", From{Network: elsewhere})
		wantKey(t, err, KeyThrottled)
	})
}

// TestParallelGuesses: the count holds however many guess at once.
func TestParallelGuesses(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.hire(t, "noor", "provider")
		var looked atomic.Int32
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				_, _, err := h.SignInPassword(t.Context(), "noor", "wrong guess", "123456", From{Network: elsewhere})
				if postern.KeyOf(err) == KeyWrong {
					looked.Add(1)
				}
			})
		}
		wg.Wait()
		// Two hashes run at a time: one more than is free may slip in.
		if n := looked.Load(); n < throttle.FreeHere || n > throttle.FreeHere+1 {
			t.Errorf("%d of 40 guesses were looked at, want %d", n, throttle.FreeHere)
		}
	})
}

func TestNewPasswordEndsTheOld(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor := h.hire(t, "noor", "provider")
		token, s := h.signIn(t, noor, From{Network: home})
		c, _, err := h.SetPassword(t.Context(), noor.ID, "another phrase")
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.SessionOf(t.Context(), token)
		wantKey(t, err, KeyCredentialEnded)
		wantKey(t, h.aliveErr(t, s.ID), KeyCredentialEnded)
		// Lifting a containment from the old credential does not bring its password back.
		if err := h.h.Update(t.Context(), func(tx *db.Tx) error { return h.RestoreCredential(tx, noor.credential) }); err != nil {
			t.Fatal(err)
		}
		h.clock.pass(time.Minute)
		_, _, err = h.SignInPassword(t.Context(), "noor", pass, h.code(t, noor), From{Network: home})
		wantKey(t, err, KeyWrong)
		all, err := h.CredentialsOf(t.Context(), noor.ID)
		if err != nil || len(all) != 2 || all[0].ID == all[1].ID || all[0].ID != c && all[1].ID != c {
			t.Errorf("credentials %+v, %v", all, err)
		}
		for _, bad := range []string{"short", strings.Repeat("x", password.MaxBytes+1), "1234567\xff"} {
			if _, _, err := h.SetPassword(t.Context(), noor.ID, bad); postern.KindOf(err) != postern.Invalid {
				t.Errorf("a password of %d bytes: %v", len(bad), err)
			}
		}
	})
}

func TestEvents(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor := h.hire(t, "noor", "helpline")
		_, first := h.signIn(t, noor, From{Network: home, Agent: "A"})
		_, second := h.signIn(t, noor, From{Network: home})
		_, third := h.signIn(t, noor, From{Network: elsewhere})
		h.SignInPassword(t.Context(), "noor", "wrong guess", "", From{Network: "10.0.0.0/24"})
		h.SignInPassword(t.Context(), "nobody", "wrong guess", "", From{Network: home})
		events, err := h.Events(t.Context(), 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		type row struct {
			staff   postern.StaffID
			session postern.SessionID
			network string
			result  string
			known   bool
			first   bool
		}
		want := []row{
			{noor.ID, first.ID, home, "ok", false, true},
			{noor.ID, second.ID, home, "ok", true, false},
			{noor.ID, third.ID, elsewhere, "ok", false, false},
			{noor.ID, "", "10.0.0.0/24", "wrong", false, false},
			{"", "", home, "wrong", false, false},
		}
		if len(events) != len(want) {
			t.Fatalf("%d events, want %d", len(events), len(want))
		}
		for i, e := range events {
			if got := (row{e.Staff, e.Session, e.Network, e.Result, e.Known, e.First}); got != want[i] {
				t.Errorf("event %d = %+v, want %+v", i, got, want[i])
			}
			if i > 0 && e.Seq <= events[i-1].Seq {
				t.Errorf("event %d is out of order", i)
			}
		}
		if e := events[0]; e.Organisation != "helpline" || e.Credential != noor.credential || e.Method != "password" || e.Agent != "A" || !e.At.Equal(first.Created) {
			t.Errorf("event %+v", e)
		}
		rest, err := h.Events(t.Context(), events[2].Seq, 1)
		if err != nil || len(rest) != 1 || rest[0].Seq != events[3].Seq {
			t.Errorf("from a cursor: %+v, %v", rest, err)
		}
	})
}

// TestEventsAreNeverOvertaken reads by a cursor while others sign in: it must
// see every one.
func TestEventsAreNeverOvertaken(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		const people, times = 4, 6
		var wg sync.WaitGroup
		done := make(chan struct{})
		for i := range people {
			w := h.hire(t, fmt.Sprintf("m%d", i), "provider")
			wg.Go(func() {
				for range times {
					h.SignInPassword(t.Context(), w.Login, "wrong guess", "", From{Network: fmt.Sprintf("10.0.%d.0/24", i)})
					h.clock.pass(time.Hour)
				}
			})
		}
		go func() { wg.Wait(); close(done) }()
		var cursor int64
		seen := 0
		read := func() {
			events, err := h.Events(t.Context(), cursor, 3)
			if err != nil {
				t.Error(err)
			}
			for _, e := range events {
				cursor = e.Seq
				seen++
			}
		}
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
				read()
			}
		}
		for before := -1; before != seen; {
			before = seen
			read()
		}
		if seen != people*times {
			t.Errorf("the cursor saw %d of %d events", seen, people*times)
		}
	})
}
