// Package watch tells open pages that what they hang on has ended.
//
// What it keeps: the endings this process has heard of, in memory, for longer
// than a session lives, so that a page which starts to watch just after one
// hears of it all the same, and a later one has no session to be shown to.
//
// Trust: it handles ids alone. It must never forget an ending that a page with a
// living session could still ask for.
package watch

import (
	"maps"
	"sync"
	"time"

	"github.com/postern-mail/postern"
)

// Topic is what a page can hang on.
type Topic struct{ What, Subject string }

// Session is the topic of a session.
func Session(s postern.SessionID) Topic { return Topic{"session", string(s)} }

// Grant is the topic of a grant.
func Grant(g postern.GrantID) Topic { return Topic{"grant", string(g)} }

// Hub is safe for concurrent use.
type Hub struct {
	mu      sync.Mutex
	over    map[Topic]time.Time // when this process heard of it
	waiting map[Topic]map[chan struct{}]struct{}
}

// New gives a hub that has heard of nothing.
func New() *Hub {
	return &Hub{over: map[Topic]time.Time{}, waiting: map[Topic]map[chan struct{}]struct{}{}}
}

// Watch gives a channel that is closed when t ends, at once if it has; stop
// frees it.
func (h *Hub) Watch(t Topic) (ended <-chan struct{}, stop func()) {
	c := make(chan struct{})
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, over := h.over[t]; over {
		close(c)
		return c, func() {}
	}
	if h.waiting[t] == nil {
		h.waiting[t] = map[chan struct{}]struct{}{}
	}
	h.waiting[t][c] = struct{}{}
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.waiting[t], c)
		if len(h.waiting[t]) == 0 {
			delete(h.waiting, t)
		}
	}
}

// End tells whoever watches t, now and later.
func (h *Hub) End(t Topic, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, over := h.over[t]; !over {
		h.over[t] = at
	}
	for c := range h.waiting[t] {
		close(c)
	}
	delete(h.waiting, t)
}

// Forget drops the endings that were heard of before a time.
func (h *Hub) Forget(before time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.over, func(_ Topic, at time.Time) bool { return at.Before(before) })
}

// Remembered counts the endings that are kept.
func (h *Hub) Remembered() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.over)
}
