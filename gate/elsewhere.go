package gate

import (
	"context"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/lease"
	"github.com/postern-mail/postern/ledger"
)

// skew is how far the nodes' clocks may be apart. A larger one than is real
// only has an ending wait where it need not.
const skew = time.Minute

// elsewhere waits for the deliveries that other nodes may have under way. Each
// is of a disclosure that committed before the ending did, so a lease's life
// after it they are over, or were refused a renewal; and there is nothing to
// wait for where every disclosure of late was this node's, whose leases have
// been waited for by name.
func (g *Gate) elsewhere(ctx context.Context, what lease.Ended) error {
	if g.db.Engine() == db.SQLite {
		return nil // the file has one process
	}
	timer := time.NewTimer(lease.Life)
	defer timer.Stop()
	foreign, err := g.foreign(ctx, what)
	if err != nil || !foreign {
		return err
	}
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// foreign says whether another node may be showing something of what lease.Ended. When
// in doubt it says yes.
func (g *Gate) foreign(ctx context.Context, what lease.Ended) (bool, error) {
	const most, pages = 500, 10 // beyond which it is quicker to wait
	since := g.now().Add(-lease.Life - skew)
	renewed := 0
	err := g.db.View(ctx, func(tx *db.Tx) error {
		return tx.Row("SELECT count(*) FROM gate_lease WHERE process <> ?1 AND renewed > ?2", db.Args(g.process, millis(since)), &renewed)
	})
	if err != nil || renewed > 0 {
		return true, err
	}
	var filters []ledger.Filter
	switch {
	case what.All:
		filters = append(filters, ledger.Filter{})
	case what.Credential != "":
		filters = append(filters, ledger.Filter{Credentials: []postern.CredentialID{what.Credential}})
	case what.Organisation != "":
		filters = append(filters, ledger.Filter{Organisations: []postern.OrganisationID{what.Organisation}})
	case len(what.Sessions) > most || len(what.Grants) > most:
		return true, nil
	case len(what.Sessions) > 0:
		f := ledger.Filter{}
		for s := range what.Sessions {
			f.Sessions = append(f.Sessions, s)
		}
		filters = append(filters, f)
	}
	for id := range what.Grants {
		filters = append(filters, ledger.Filter{Grant: id})
	}
	for _, f := range filters {
		f.Since, f.DisclosuresOnly, f.Limit = since, true, most
		for page := 1; ; page++ {
			found, err := g.ledger.Find(ctx, f)
			if err != nil || page == pages && len(found) == most {
				return true, err
			}
			for _, e := range found {
				if !g.ours(e.Disclosure.ID) {
					return true, nil
				}
			}
			if len(found) < most {
				break
			}
			f.Before = found[most-1].Seq
		}
	}
	return false, nil
}
