package gate

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/lease"
)

// chunk bounds what is written between two looks at the lease.
const chunk = 16 << 10

// Delivery is something revealed, on its way to a page. It belongs to the
// goroutine of the request that asked for it.
type Delivery struct {
	Shown      postern.Shown
	Disclosure postern.DisclosureID
	Grant      Grant
	Tier       postern.Tier
	Fields     postern.Field
	Consented  bool

	gate  *Gate
	lease *lease.Lease
	stop  func() bool
	pages []*http.ResponseController
}

// Alive says whether the next chunk may be sent. It is the refusal of what
// ended it otherwise: stop sending, and do not finish the page.
//
// A lease past its time is renewed by a transaction that checks what the first
// one checked, so a slow download lives as long as its grant and no longer.
func (d *Delivery) Alive() error {
	l := d.lease
	due, released, why := l.State()
	switch {
	case why != nil:
		return why
	case released:
		return refuse(RefusedGrantEnded)
	case !due:
		return nil
	}
	return d.renew()
}

// renew takes the lease for another two seconds. The row tells endings on other
// nodes that this one is longer than its disclosure says.
func (d *Delivery) renew() error {
	g, l := d.gate, d.lease
	var until time.Time
	err := g.db.Update(context.Background(), func(tx *db.Tx) error {
		if err := tx.LockShared(lock); err != nil {
			return err
		}
		if _, err := g.alive(tx, l.Session); err != nil {
			return err
		}
		gr, err := oneGrant(tx, l.Grant)
		if err != nil {
			return err
		}
		if gr.EndedWhy == EndLast {
			gr.Ended, gr.EndedWhy = time.Time{}, "" // what ended it is this very delivery
		}
		now := g.now()
		if err := covers(gr, l.Session, Want{Tier: d.Tier}, now); err != nil {
			return err
		}
		until = time.Now().Add(lease.Life)
		return tx.ExecOne(`INSERT INTO gate_lease (disclosure, process, renewed) VALUES (?1, ?2, ?3)
			ON CONFLICT (disclosure) DO UPDATE SET renewed = excluded.renewed`, string(d.Disclosure), g.process, millis(now))
	})
	if err != nil {
		l.End(err)
		return err
	}
	return l.Renew(until)
}

// Done says that nothing more of the delivery will be sent. It flushes what the
// connection still buffers, so that "done" is true of the wire; what was cut it
// has the connection drop instead.
func (d *Delivery) Done() {
	if d.stop != nil {
		d.stop()
	}
	for _, page := range d.pages {
		if d.Alive() != nil {
			_ = page.SetWriteDeadline(time.Unix(1, 0))
			continue
		}
		_ = page.SetWriteDeadline(d.lease.Until())
		_ = page.Flush() // fails where the client is gone, and then nothing is on its way
		_ = page.SetWriteDeadline(time.Time{})
	}
	d.pages = nil
	d.gate.leases.Release(d.lease)
}

// Writer gives a writer that looks at the lease before every 16 KiB and fails
// once it is cut. For an [http.ResponseWriter] it also bounds how long the
// kernel may hold a chunk for a client that does not read.
func (d *Delivery) Writer(w io.Writer) io.Writer {
	out := &leased{d: d, w: w}
	if page, ok := w.(http.ResponseWriter); ok {
		out.page = http.NewResponseController(page)
		d.pages = append(d.pages, out.page)
	}
	return out
}

type leased struct {
	d    *Delivery
	w    io.Writer
	page *http.ResponseController
}

// Write sends p in chunks.
func (l *leased) Write(p []byte) (n int, err error) {
	for {
		if err := l.d.Alive(); err != nil {
			return n, err
		}
		if l.page != nil {
			_ = l.page.SetWriteDeadline(l.d.lease.Until()) // not every writer can; the lease itself still ends
		}
		part := p[:min(len(p), chunk)]
		m, err := l.w.Write(part)
		n += m
		if err != nil {
			return n, err
		}
		if p = p[len(part):]; len(p) == 0 {
			return n, nil
		}
	}
}
