package db

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Lead runs f while this process is the leader for name: always in SQLite,
// where the process owns the file; in PostgreSQL while a session advisory lock
// is held. It returns f's error, or waits and tries again when another process
// leads or the connection that held the lock is lost; f's context ends then.
// Between the loss and its being noticed (seconds) another may lead already, so
// f must compare what it is about to replace with what it last wrote.
func (h *Handle) Lead(ctx context.Context, name string, f func(context.Context) error) error {
	if h.engine == SQLite {
		return f(ctx)
	}
	const again = time.Second
	tick := time.NewTicker(again)
	defer tick.Stop()
	for {
		led, err := h.lead(ctx, name, f)
		if led && !errors.Is(err, errLeadLost) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var errLeadLost = errors.New("the connection that held the leader's lock is gone")

func (h *Handle) lead(ctx context.Context, name string, f func(context.Context) error) (led bool, err error) {
	lock, err := lockSession(ctx, h.pool, "lead "+name, true)
	if err != nil || lock == nil {
		return false, err
	}
	defer lock.unlock(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		lock.watch(ctx, cancel)
	}()
	err = f(ctx)
	cause := context.Cause(ctx)
	cancel(nil)
	<-watched
	if errors.Is(cause, errLeadLost) {
		err = cause
	}
	return true, err
}

// watch cancels ctx when the lock's connection no longer answers.
func (l *sessionLock) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	const (
		every   = time.Second
		silence = 5 * time.Second
	)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			// Not ended by ctx: that would end the connection and its lock
			// with it, in the middle of a hand-over.
			ping, done := context.WithTimeout(context.WithoutCancel(ctx), silence)
			_, err := l.c.ExecContext(ping, "SELECT 1")
			done()
			if err != nil {
				cancel(fmt.Errorf("%w: %w", errLeadLost, err))
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
