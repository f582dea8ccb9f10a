package store

import (
	"cmp"
	"context"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// PostAll keeps a message of the house's own for each of several accounts, all or
// none, in one transaction; see [AppendIn.House].
func (s *Store) PostAll(ctx context.Context, to []postern.AccountID, in []AppendIn) error {
	letters := make([]letter, len(in))
	g := new(errgroup.Group)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range in {
		g.Go(func() (err error) {
			letters[i] = letter{account: to[i], id: s.newMessageID()}
			letters[i].ready, err = s.prepare(in[i])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	slices.SortStableFunc(letters, func(a, b letter) int { return cmp.Compare(a.account, b.account) })
	_, err := s.keep(ctx, letters, nil)
	return err
}

// held says that a message of the house is there already: its account's row is
// taken, so nobody else is writing it.
func (l letter) held(tx *db.Tx, st *state) (bool, error) {
	if !l.in.House || l.lineage.own == nil {
		return false, nil
	}
	n := 0
	err := tx.Row("SELECT count(*) FROM mail_message WHERE account = ?1 AND mid = ?2 AND mid IS NOT NULL", db.Args(st.acc, l.lineage.own), &n)
	return n > 0, err
}
