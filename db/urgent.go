package db

import (
	"context"
	"sync"
	"time"
)

type urgentKey struct{}

// Urgent gives a context whose transactions go before all others of this
// process. It is for the ending of access, which must not wait behind a crowd
// of the very reveals it ends. In SQLite they come first in the writer's queue
// and have a reading connection kept for them; in PostgreSQL they have
// connections of their own, and others do not begin to write meanwhile.
func Urgent(ctx context.Context) context.Context { return context.WithValue(ctx, urgentKey{}, true) }

func urgent(ctx context.Context) bool { return ctx.Value(urgentKey{}) != nil }

// Ahead has others stand back before several urgent transactions, until behind
// is called; it may be called twice. Without it they begin again in between.
func (h *Handle) Ahead() (behind func()) {
	if h.writer != nil {
		return func() {} // SQLite's queue asks each turn
	}
	h.first.enter()
	return sync.OnceFunc(h.first.leave)
}

// standBack bounds how long a writer lets urgent ones go before it. They take
// far less; the bound is against a deadlock that nobody has thought of.
const standBack = time.Second

// precedence has PostgreSQL's writers stand back while urgent ones are under
// way. Those that have begun go on: an urgent one may be waiting for their lock.
type precedence struct {
	mu   sync.Mutex
	n    int           // urgent ones under way
	over chan struct{} // closed when there are none again; nil while there are none
}

// enter says that an urgent one is under way.
func (p *precedence) enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n++; p.n == 1 {
		p.over = make(chan struct{})
	}
}

// leave ends what enter began.
func (p *precedence) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n--; p.n == 0 {
		close(p.over)
		p.over = nil
	}
}

// yield waits while urgent ones are under way, at most standBack.
func (p *precedence) yield(ctx context.Context) error {
	p.mu.Lock()
	over := p.over
	p.mu.Unlock()
	if over == nil {
		return nil
	}
	timer := time.NewTimer(standBack)
	defer timer.Stop()
	select {
	case <-over:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
