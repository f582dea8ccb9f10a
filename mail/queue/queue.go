// Package queue sends customers' mail: at once to customers of this house, and
// to others over SMTP, again and again for five days, with a bounce at the end.
//
// What it keeps: the mail plane's tables "mail_queue_message" and
// "mail_queue_recipient", keyed by the account that sends. A recipient's row
// goes when the receiving server has answered 250 or the bounce is in the
// sender's mailbox; a crash between the answer and the row's end sends the
// message twice (RFC 5321, 4.5.4.1), never not at all.
//
// Trust: it handles whole messages on their way out and opens connections to
// servers that strangers name in the DNS. It must not send for an account that
// did not ask, and logs neither address nor content. To the next server it
// speaks TLS where that is offered, without proof of who is there (RFC 7435).
package queue

import (
	"context"
	"crypto/tls"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/mail/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// A Resolver finds the servers of a domain; *net.Resolver is one.
type Resolver interface {
	LookupMX(ctx context.Context, domain string) ([]*net.MX, error)
	LookupHost(ctx context.Context, host string) ([]string, error)
}

// Parts is what a Queue is made of.
type Parts struct {
	DB       *db.Handle // the mail plane's
	Mail     *mail.Mail
	Accounts *account.Accounts
	Hostname string // what HELO says, and where bounces come from
	// Outbound is "direct" (by MX), "hold" (nothing leaves this machine) or
	// "smarthost:host:port".
	Outbound string
	Resolver Resolver    // nil: the machine's
	Port     string      // of the servers that MX records name; "" for 25
	TLS      *tls.Config // of connections out; nil: opportunistic, certificates unproved
	Now      func() time.Time
	Log      *slog.Logger
}

// Queue sends.
type Queue struct {
	Parts
	store     *store.Store
	smarthost string        // host:port, or ""
	hold      bool          // nothing leaves
	kick      chan struct{} // something is due now

	mu   sync.Mutex
	busy map[string]bool // batches being sent, by key
	host map[string]int  // connections per next host
}

// Open makes the tables where they are missing; Run sends.
func Open(ctx context.Context, p Parts) (*Queue, error) {
	q := &Queue{Parts: p, store: p.Mail.Store(), kick: make(chan struct{}, 1), busy: map[string]bool{}, host: map[string]int{}}
	switch host, isSmart := strings.CutPrefix(p.Outbound, "smarthost:"); {
	case p.Outbound == "hold":
		q.hold = true
	case isSmart:
		if _, _, err := net.SplitHostPort(host); err != nil {
			return nil, errors.New(`the smarthost cannot be read: write "smarthost:relay.example.org:587"`)
		}
		q.smarthost = host
	case p.Outbound != "direct":
		return nil, errors.New(`where mail goes out is unknown: write "direct", "hold" or "smarthost:host:port"`)
	}
	if q.Resolver == nil {
		q.Resolver = net.DefaultResolver
	}
	if q.Port == "" {
		q.Port = "25"
	}
	if q.TLS == nil {
		// Encryption to whoever is there beats none; who is there is proved by
		// MTA-STS and DANE, which are a later storey (RFC 7435).
		q.TLS = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := p.DB.Migrate(ctx, "mail/queue", files); err != nil {
		return nil, err
	}
	p.Mail.SetQueue(q)
	return q, nil
}

// How often the queue looks for what is due without being told, and what it
// does at once.
const (
	lookEvery = 5 * time.Second
	atOnce    = 20 // connections
	perHost   = 2  // connections to one server
	batchMost = 50 // recipients of one message in one transaction
)

// Run sends what is due until ctx ends, in one process at a time.
func (q *Queue) Run(ctx context.Context) error {
	if q.hold {
		<-ctx.Done()
		return nil
	}
	err := q.DB.Lead(ctx, "mail queue", func(ctx context.Context) error {
		look := time.NewTicker(lookEvery)
		defer look.Stop()
		var sending sync.WaitGroup
		defer sending.Wait()
		for {
			if err := q.round(ctx, &sending); err != nil && ctx.Err() == nil {
				q.Log.Error("the queue could not be read; it is tried again", "error", err)
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-look.C:
			case <-q.kick:
			}
		}
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// round starts a batch for everything that is due and has room.
func (q *Queue) round(ctx context.Context, sending *sync.WaitGroup) error {
	batches, err := q.due(ctx)
	if err != nil {
		return err
	}
	for _, b := range batches {
		if !q.take(b) {
			continue
		}
		sending.Go(func() {
			more := q.send(ctx, b)
			q.release(b)
			if more {
				q.wake() // there may be others that had no room
			}
		})
	}
	return nil
}

// take reserves a batch and a connection to its host.
func (q *Queue) take(b *batch) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.busy[b.key()] || len(q.busy) >= atOnce || q.host[q.via(b)] >= perHost {
		return false
	}
	q.busy[b.key()] = true
	q.host[q.via(b)]++
	return true
}

func (q *Queue) release(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.busy, b.key())
	if q.host[q.via(b)]--; q.host[q.via(b)] == 0 {
		delete(q.host, q.via(b))
	}
}

// via names what a batch's connections are counted by.
func (q *Queue) via(b *batch) string {
	if q.smarthost != "" && !b.local {
		return q.smarthost
	}
	return b.domain
}

func (q *Queue) wake() {
	select {
	case q.kick <- struct{}{}:
	default:
	}
}
