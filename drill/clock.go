package drill

import (
	"sync"
	"time"
)

// clock is the drill's: it moves when the drill says so.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// to moves the clock forward; it never goes back.
func (c *clock) to(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.at) {
		c.at = t
	}
}

func (c *clock) pass(d time.Duration) { c.to(c.now().Add(d)) }
