package queue

import "context"

// Wake has the queue look now, as its ticker would.
func (q *Queue) Wake() { q.wake() }

// Due counts what would be tried now.
func (q *Queue) Due(ctx context.Context) (int, error) {
	batches, err := q.due(ctx)
	return len(batches), err
}
