package gate

import "context"

// Age has the delivery's lease run out now, so that a test need not wait.
func (d *Delivery) Age() {
	d.lease.Age()
}

// Hear does what Run does at its next tick.
func (g *Gate) Hear(ctx context.Context) error { return g.hear(ctx) }

// Leases counts the deliveries under way in this process.
func (g *Gate) Leases() int {
	return g.leases.Len()
}

// Sweep does what Run does every ten minutes.
func (g *Gate) Sweep(ctx context.Context) error { return g.sweep(ctx) }

// Remembered counts the endings that pages can still hear of.
func (g *Gate) Remembered() int {
	return g.hub.Remembered()
}
