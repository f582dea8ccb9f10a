package desk

import (
	"context"
	"errors"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Worked says what a member of staff has to do with a case.
type Worked struct {
	Opened time.Time
	Own    bool // the member opened it, not the customer
	Worked bool // the member wrote a note or a reply in it
}

// Work tells it: NotFound when there is no such case.
func (c *Cases) Work(ctx context.Context, id postern.CaseID, by postern.StaffID) (w Worked, err error) {
	err = c.db.View(ctx, func(tx *db.Tx) error {
		var opened int64
		var own, worked int64
		err := tx.Row(`SELECT opened, CASE WHEN (SELECT staff FROM desk_post WHERE case_id = k.id ORDER BY n LIMIT 1) = ?2 THEN 1 ELSE 0 END,
			(SELECT count(*) FROM desk_post WHERE case_id = k.id AND staff = ?2 AND kind IN ('reply', 'note'))
			FROM desk_case k WHERE id = ?1`, db.Args(string(id), string(by)), &opened, &own, &worked)
		if errors.Is(err, db.ErrNoRows) {
			return &postern.Error{Kind: postern.NotFound, Key: "desk.unknown.case", Text: "there is no such case"}
		}
		w = Worked{Opened: moment(opened), Own: own == 1, Worked: worked > 0}
		return err
	})
	return w, err
}
