package smtpd

import (
	"sync"
	"time"
)

// Limits bound what strangers may use. Loopback is bounded by Connections only.
type Limits struct {
	Connections int           // at once, in all; default 2,000
	PerNetwork  int           // at once from one /24 or /48; default 50
	NewPerMin   int           // new connections a minute from one network; default 300
	Recipients  int           // of one message; default 100 (RFC 5321, 4.5.3.1.8)
	PerHour     int           // recipients of one customer's messages in an hour; default 1,000
	Commands    int           // of one connection; default 10,000
	Mistakes    int           // wrong commands and refused recipients of one connection; default 20
	Memory      int64         // of all messages that are being received; default 512 MiB
	Idle        time.Duration // between commands, or pieces of a message; default 5 min (RFC 5321, 4.5.3.2.7)
	Data        time.Duration // for one message; default 30 min
	Keep        time.Duration // for making one durable; default 5 min
}

func (l Limits) orDefault() Limits {
	set := func(n *int, d int) {
		if *n == 0 {
			*n = d
		}
	}
	set(&l.Connections, 2000)
	set(&l.PerNetwork, 50)
	set(&l.NewPerMin, 300)
	set(&l.Recipients, 100)
	set(&l.PerHour, 1000)
	set(&l.Commands, 10_000)
	set(&l.Mistakes, 20)
	if l.Idle == 0 {
		l.Idle = 5 * time.Minute
	}
	if l.Data == 0 {
		l.Data = 30 * time.Minute
	}
	if l.Keep == 0 {
		l.Keep = 5 * time.Minute
	}
	if l.Memory == 0 {
		l.Memory = 512 << 20
	}
	return l
}

// door counts who is in.
type door struct {
	limits Limits

	mu       sync.Mutex
	open     int
	networks map[string]*visits
	swept    time.Time
}

// visits are one network's.
type visits struct {
	open  int
	since time.Time // of the running minute
	new   int
}

// enter gives a sentence for who must stay out, "" for who may come in and must
// leave again.
func (d *door) enter(network string, loopback bool, now time.Time) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep(now)
	if d.open >= d.limits.Connections {
		return "too many connections, try again later"
	}
	v := d.networks[network]
	if v == nil {
		v = &visits{since: now}
		d.networks[network] = v
	}
	if now.Sub(v.since) >= time.Minute || now.Before(v.since) {
		v.since, v.new = now, 0
	}
	if !loopback && v.open >= d.limits.PerNetwork {
		return "too many connections from your network, try again later"
	}
	if !loopback && v.new >= d.limits.NewPerMin {
		return "too many new connections from your network, try again in a minute"
	}
	d.open++
	v.open++
	v.new++
	return ""
}

func (d *door) leave(network string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	d.networks[network].open--
}

// sweep forgets networks that are gone, once a minute.
func (d *door) sweep(now time.Time) {
	if now.Sub(d.swept) < time.Minute {
		return
	}
	d.swept = now
	for n, v := range d.networks {
		if v.open == 0 && now.Sub(v.since) >= time.Minute {
			delete(d.networks, n)
		}
	}
}

// senders counts what customers send, so that a stolen password is no machine
// for spam. The count is in memory: a restart forgives.
type senders struct {
	most int

	mu    sync.Mutex
	hours map[string]hour // by account
	swept time.Time
}

// hour is one customer's.
type hour struct {
	since      time.Time
	recipients int
}

// may says whether a customer may send to n more, and counts them if so.
func (s *senders) may(account string, n int, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.swept) >= time.Hour {
		s.swept = now
		for a, h := range s.hours {
			if now.Sub(h.since) >= time.Hour {
				delete(s.hours, a)
			}
		}
	}
	h := s.hours[account]
	if now.Sub(h.since) >= time.Hour {
		h = hour{since: now}
	}
	if h.recipients+n > s.most {
		return false
	}
	h.recipients += n
	s.hours[account] = h
	return true
}
