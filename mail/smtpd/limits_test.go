package smtpd

import (
	"testing"
	"time"
)

func TestDoor(t *testing.T) {
	now := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	fresh := func() *door {
		return &door{limits: Limits{Connections: 5, PerNetwork: 2, NewPerMin: 4}, networks: map[string]*visits{}}
	}
	enter := func(t *testing.T, d *door, network string, at time.Time, want bool) {
		t.Helper()
		if why := d.enter(network, network == "127.0.0.0/24", at); (why == "") != want {
			t.Errorf("%s: %q, wanted in: %v", network, why, want)
		}
	}
	t.Run("at once from one network", func(t *testing.T) {
		d := fresh()
		enter(t, d, "192.0.2.0/24", now, true)
		enter(t, d, "192.0.2.0/24", now, true)
		enter(t, d, "192.0.2.0/24", now, false)
		enter(t, d, "198.51.100.0/24", now, true)
		d.leave("192.0.2.0/24")
		enter(t, d, "192.0.2.0/24", now, true)
	})
	t.Run("a minute from one network", func(t *testing.T) {
		d := fresh()
		for range 4 {
			enter(t, d, "192.0.2.0/24", now, true)
			d.leave("192.0.2.0/24")
		}
		enter(t, d, "192.0.2.0/24", now.Add(59*time.Second), false)
		enter(t, d, "192.0.2.0/24", now.Add(60*time.Second), true)
	})
	t.Run("in all, loopback too", func(t *testing.T) {
		d := fresh()
		for range 5 {
			enter(t, d, "127.0.0.0/24", now, true)
		}
		enter(t, d, "127.0.0.0/24", now, false)
	})
	t.Run("networks that are gone are forgotten", func(t *testing.T) {
		d := fresh()
		enter(t, d, "192.0.2.0/24", now, true)
		d.leave("192.0.2.0/24")
		enter(t, d, "198.51.100.0/24", now.Add(2*time.Minute), true)
		if len(d.networks) != 1 {
			t.Errorf("%d networks are remembered", len(d.networks))
		}
	})
}

func TestSendersAreBounded(t *testing.T) {
	now := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	s := &senders{most: 3, hours: map[string]hour{}}
	for i, c := range []struct {
		who  string
		n    int
		at   time.Duration
		want bool
	}{
		{"ana", 2, 0, true},
		{"ana", 2, time.Minute, false},
		{"ana", 1, time.Minute, true},
		{"bo", 3, time.Minute, true},
		{"ana", 1, 59 * time.Minute, false},
		{"ana", 1, time.Hour, true},
		{"cy", 1, 3 * time.Hour, true},
	} {
		if got := s.may(c.who, c.n, now.Add(c.at)); got != c.want {
			t.Errorf("%d: %v", i, got)
		}
	}
	if len(s.hours) != 1 {
		t.Errorf("%d senders are remembered", len(s.hours))
	}
}
