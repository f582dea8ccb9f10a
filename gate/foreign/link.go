package foreign

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/postern-mail/postern"
)

const (
	// quiet is what the server may send beside messages' bytes, in one Find or
	// Reveal: names, numbers and dates.
	quiet   = 8 << 20
	idleFor = 30 * time.Second
)

var errTooMuch = errors.New("the mail server sent more than was asked for")

// meter bounds what the other side may send. It lies under TLS, which adds
// little.
type meter struct {
	net.Conn
	left atomic.Int64
}

func (m *meter) Read(b []byte) (int, error) {
	if m.left.Load() <= 0 {
		return 0, errTooMuch
	}
	n, err := m.Conn.Read(b)
	m.left.Add(-int64(n))
	return n, err
}

// link is a connection, signed in to one account for its whole life.
type link struct {
	client  *imapclient.Client
	conn    *meter
	address string
	idle    *time.Timer
}

// failed says what the server refused, without its words, which may hold a
// subject or a password.
func (l *link) failed(what string, err error) error {
	if l.conn.left.Load() <= 0 {
		return unavailable("couldn't "+what, errTooMuch)
	}
	return unavailable("couldn't "+what, plain(err))
}

var errBroken = errors.New("the connection to the mail server broke")

// plain is an error of the client without what the server wrote.
func plain(err error) error {
	var status *imap.Error
	if errors.As(err, &status) {
		text := "the mail server answered " + string(status.Type)
		if code := string(status.Code); code != "" && len(code) < 40 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") == "" {
			text += " " + code
		}
		return errors.New(text)
	}
	return errBroken
}

// pool holds the connections: so many at once, and a few that wait for the next
// look into the same account.
type pool struct {
	server Server
	slots  chan struct{}

	mu     sync.Mutex
	idle   []*link // the oldest first
	closed bool
}

func newPool(s Server) *pool { return &pool{server: s, slots: make(chan struct{}, s.Connections)} }

// with runs f on a connection signed in to address. Its time is bounded, and
// the end of ctx breaks the connection at once.
func (p *pool) with(ctx context.Context, address string, f func(context.Context, *link) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.server.Timeout, errors.New("the mail server takes too long"))
	defer cancel()
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return unavailable("no connection to the mail server is free", context.Cause(ctx))
	}
	l, release, err := p.take(ctx, address)
	if err == nil {
		l.conn.left.Store(quiet)
		err = f(ctx, l)
		// A refusal of ours leaves the connection as it was; anything else may
		// leave half an answer on it.
		if kind := postern.KindOf(err); release() && (err == nil || kind == postern.Denied || kind == postern.NotFound || kind == postern.Invalid) {
			p.put(l)
		} else {
			l.client.Close()
		}
	}
	if err != nil && ctx.Err() != nil {
		err = unavailable("couldn't read from the mail server", context.Cause(ctx))
	}
	return err
}

func (p *pool) take(ctx context.Context, address string) (*link, func() bool, error) {
	for {
		p.mu.Lock()
		i := slices.IndexFunc(p.idle, func(l *link) bool { return l.address == address })
		if i < 0 {
			p.mu.Unlock()
			break
		}
		l := p.idle[i]
		p.idle = slices.Delete(p.idle, i, i+1)
		p.mu.Unlock()
		l.idle.Stop()
		release := context.AfterFunc(ctx, func() { l.conn.Close() })
		if l.client.Noop().Wait() == nil { // the server may have ended it meanwhile
			return l, release, nil
		}
		release()
		l.client.Close()
	}
	l, release, err := p.server.dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := p.server.login(l, address); err != nil {
		release()
		l.client.Close()
		return nil, nil, err
	}
	l.address = address
	return l, release, nil
}

func (p *pool) put(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		go l.client.Close()
		return
	}
	l.conn.left.Store(quiet)
	l.idle = time.AfterFunc(idleFor, func() { p.drop(l) })
	p.idle = append(p.idle, l)
	if len(p.idle) > p.server.Connections {
		old := p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
		old.idle.Stop()
		go old.client.Close()
	}
}

func (p *pool) drop(l *link) {
	p.mu.Lock()
	i := slices.Index(p.idle, l)
	if i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	p.mu.Unlock()
	if i >= 0 {
		l.client.Close()
	}
}

func (p *pool) close() {
	p.mu.Lock()
	all := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, l := range all {
		l.idle.Stop()
		l.client.Close()
	}
}

// examine opens a mailbox for reading alone (RFC 9051, 6.3.3) and gives its
// UIDVALIDITY.
func (l *link) examine(name string) (uint32, error) {
	d, err := l.client.Select(name, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		return 0, l.failed("open a mailbox for reading", err)
	}
	return d.UIDValidity, nil
}
