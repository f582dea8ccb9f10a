package notify

import (
	"context"
	"fmt"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// CheckRead asks the mailboxes which notices of released versions were looked at
// there. What was opened in the product is known without asking.
func (o *Office) CheckRead(ctx context.Context) error {
	var all []Batch
	err := o.db.View(ctx, func(tx *db.Tx) (err error) {
		all, err = batches(tx, "released IS NOT NULL AND incident IN (SELECT id FROM response_incident WHERE state <> 'closed') ORDER BY incident, version")
		return err
	})
	for _, b := range all {
		if err == nil {
			err = o.checkRead(ctx, b)
		}
	}
	return err
}

func (o *Office) checkRead(ctx context.Context, b Batch) error {
	after := postern.AccountID("")
	for {
		var unread []Notice
		err := o.db.View(ctx, func(tx *db.Tx) (err error) {
			unread, err = notices(tx, "incident = ?1 AND version = ?2 AND state = 'sent' AND opened = 0 AND account > ?3 ORDER BY account LIMIT ?4",
				b.Incident, int64(b.Version), string(after), int64(o.atOnce))
			return err
		})
		if err != nil || len(unread) == 0 {
			return err
		}
		after = unread[len(unread)-1].Account
		mails := make([]NoticeMail, len(unread))
		for i, n := range unread {
			mails[i] = n.mail()
		}
		seen, err := o.readers.Seen(ctx, mails)
		if err != nil {
			return fmt.Errorf("couldn't ask the mailboxes: %w", err)
		}
		now := db.Millis(o.now())
		var rows [][]any
		for i, n := range unread {
			if seen[i] {
				rows = append(rows, []any{string(n.ID), int64(n.Version), now})
			}
		}
		if len(rows) == 0 {
			continue
		}
		// Whoever opened it in the product meanwhile did so first.
		err = o.db.Update(ctx, func(tx *db.Tx) error {
			return tx.Many("UPDATE response_notice SET opened = CASE WHEN opened = 0 THEN v.column3 ELSE opened END FROM (VALUES ",
				") AS v WHERE response_notice.id = v.column1 AND response_notice.version = v.column2", rows)
		})
		if err != nil {
			return err
		}
	}
}
