package store

import (
	"context"
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// pollEvery is how soon another process's change is seen in PostgreSQL.
const pollEvery = time.Second

// hub wakes those who watch an account. Changes of this process wake them at
// once; with PostgreSQL there may be other processes, whose changes are seen by
// the counter in mail_state.
type hub struct {
	s        *Store
	mu       sync.Mutex
	watchers map[postern.AccountID]map[chan struct{}]struct{}
	seen     map[postern.AccountID]int64 // mail_state.change at the last poll
}

func newHub(s *Store) *hub {
	return &hub{s: s, watchers: map[postern.AccountID]map[chan struct{}]struct{}{}, seen: map[postern.AccountID]int64{}}
}

// Watch gives a channel that wakes after each change of an account's mail;
// changes in quick succession wake once. stop ends it and may be called twice.
func (s *Store) Watch(acc postern.AccountID) (changed <-chan struct{}, stop func()) {
	h, c := s.watch, make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watchers[acc] == nil {
		h.watchers[acc] = map[chan struct{}]struct{}{}
	}
	h.watchers[acc][c] = struct{}{}
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers[acc], c)
		if len(h.watchers[acc]) == 0 {
			delete(h.watchers, acc)
			delete(h.seen, acc)
		}
	}
}

func (h *hub) wake(acc postern.AccountID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.watchers[acc] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// poll wakes the watchers of accounts that another process changed.
func (h *hub) poll(ctx context.Context) error {
	h.mu.Lock()
	accounts := make([]postern.AccountID, 0, len(h.watchers))
	for acc := range h.watchers {
		accounts = append(accounts, acc)
	}
	h.mu.Unlock()
	if len(accounts) == 0 {
		return nil
	}
	now := make(map[postern.AccountID]int64, len(accounts))
	err := h.s.db.View(ctx, func(tx *db.Tx) error {
		for _, id := range accounts {
			acc, err := key(id)
			if err != nil {
				continue
			}
			var change int64
			if err := tx.Row("SELECT change FROM mail_state WHERE account = ?1", db.Args(acc), &change); err != nil && !isNone(err) {
				return err
			}
			now[id] = change
		}
		return nil
	})
	if err != nil {
		return err
	}
	for id, change := range now {
		h.mu.Lock()
		last, known := h.seen[id]
		if _, watched := h.watchers[id]; watched {
			h.seen[id] = change
		}
		h.mu.Unlock()
		if known && last != change {
			h.wake(id)
		}
	}
	return nil
}
