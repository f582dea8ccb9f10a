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
	c, err := h.pool.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer c.Close()
	key := lockKey("lead " + name)
	if err := c.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", key).Scan(&led); err != nil || !led {
		return false, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := c.PingContext(ctx); err != nil && ctx.Err() == nil {
					cancel(fmt.Errorf("%w: %w", errLeadLost, err))
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	err = f(ctx)
	if cause := context.Cause(ctx); errors.Is(cause, errLeadLost) {
		err = cause
	}
	cancel(nil)
	<-watched
	_, _ = c.ExecContext(context.Background(), "SELECT pg_advisory_unlock($1)", key)
	return true, err
}
