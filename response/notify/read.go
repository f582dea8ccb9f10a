package notify

import (
	"context"
	"fmt"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/response/refuse"
)

// NoticesOf gives what an account has been told, newest first: every notice that
// was released, whether or not it reached the mailbox, because the mailbox is
// what was reached in the breach. What was shown stands in [Office.Read].
func (o *Office) NoticesOf(ctx context.Context, a postern.AccountID) (all []Notice, err error) {
	err = o.db.View(ctx, func(tx *db.Tx) error {
		all, err = released(tx, a)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the notices: %w", err)
	}
	return all, nil
}

func released(tx *db.Tx, a postern.AccountID) ([]Notice, error) {
	all, err := notices(tx, `account = ?1 AND EXISTS (SELECT 1 FROM response_batch b
		WHERE b.incident = response_notice.incident AND b.version = response_notice.version AND b.released IS NOT NULL)
		ORDER BY COALESCE(sent, 0) = 0 DESC, sent DESC, version DESC`, a)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if !all[i].At.IsZero() {
			continue
		}
		b, err := batches(tx, "incident = ?1 AND version = ?2", all[i].Incident, all[i].Version)
		if err != nil {
			return nil, err
		}
		all[i].At = b[0].Released
	}
	return all, nil
}

// Read gives one of an account's notices with what was shown, as its reader opens
// it in the product, and notes that they did. NotFound when it is not theirs.
func (o *Office) Read(ctx context.Context, a postern.AccountID, id postern.NoticeID, version int) (n Notice, err error) {
	of := 0
	err = o.db.View(ctx, func(tx *db.Tx) error {
		all, err := released(tx, a)
		if err != nil {
			return err
		}
		for _, one := range all {
			if one.ID == id && one.Version == version {
				n = one
				return tx.Row("SELECT scope FROM response_batch WHERE incident = ?1 AND version = ?2", db.Args(n.Incident, n.Version), &of)
			}
		}
		return refuse.Unknown("response.unknown.notice", "there is no such notice")
	})
	if err != nil {
		return Notice{}, err
	}
	if n.Exposures, err = o.exposed.Of(ctx, n.Incident, of, a); err != nil {
		return Notice{}, fmt.Errorf("couldn't read what was shown: %w", err)
	}
	if !n.Opened.IsZero() {
		return n, nil
	}
	err = o.db.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec("UPDATE response_notice SET opened = ?3 WHERE id = ?1 AND version = ?2 AND opened = 0", n.ID, n.Version, db.Millis(o.now()))
		return err
	})
	if err != nil {
		return Notice{}, fmt.Errorf("couldn't note that a notice was opened: %w", err)
	}
	return n, nil
}

// Checked is the answer to somebody who asks whether a code is ours.
type Checked struct {
	Genuine  bool
	Incident postern.IncidentID
	Version  int
	Kind     string
	Notice   Notice // without its words: who asks for somebody else need not read them
}

// CheckCode says whether a code belongs to a notice to an account, and to which:
// the newest version that was released. It is for whoever answers the telephone,
// and says nothing of what the notice tells.
func (o *Office) CheckCode(ctx context.Context, address, code string) (c Checked, err error) {
	a, err := o.readers.Account(ctx, address)
	if refuse.IsUnknown(err) {
		return Checked{}, nil // as for a code that is nobody's
	}
	if err != nil {
		return Checked{}, fmt.Errorf("couldn't look an address up: %w", err)
	}
	all, err := o.NoticesOf(ctx, a)
	if err != nil {
		return Checked{}, err
	}
	code = tidyCode(code)
	for _, n := range all {
		if n.Code == code && n.Version > c.Version {
			n.Subject, n.Text = "", ""
			c = Checked{true, n.Incident, n.Version, n.Kind, n}
		}
	}
	return c, nil
}
