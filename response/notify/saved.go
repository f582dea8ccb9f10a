package notify

import (
	"context"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/response/scope"
)

// saved reads the exposures that a scope's version was saved with.
type saved struct{ db *db.Handle }

// savedAtOnce is how many accounts one transaction reads.
const savedAtOnce = 1000

// Each reads some accounts in a transaction and gives them out behind it: whoever
// takes them may write meanwhile.
func (s saved) Each(ctx context.Context, in postern.IncidentID, version int, after postern.AccountID, f func([]scope.Exposure) error) error {
	for {
		var some []scope.Exposure
		err := s.db.View(ctx, func(tx *db.Tx) (err error) {
			some, err = scope.ExposuresOf(tx, in, version, scope.ExposureFilter{After: after, Limit: savedAtOnce})
			return err
		})
		if err != nil {
			return err
		}
		accounts := 0
		for len(some) > 0 {
			n := 1
			for n < len(some) && some[n].Account == some[0].Account {
				n++
			}
			after = some[0].Account
			if err := f(some[:n]); err != nil {
				return err
			}
			some = some[n:]
			accounts++
		}
		if accounts < savedAtOnce {
			return nil
		}
	}
}

func (s saved) Of(ctx context.Context, in postern.IncidentID, version int, a postern.AccountID) (all []scope.Exposure, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		all, err = scope.ExposuresOf(tx, in, version, scope.ExposureFilter{Account: a})
		return err
	})
	return all, err
}
