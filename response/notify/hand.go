package notify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
)

// handOver takes claimed notices through the steps. Those that are refused are
// put aside; an error leaves them claimed, for the next sender.
func (o *Office) handOver(ctx context.Context, b Batch, hand []claimed) error {
	slices.SortFunc(hand, func(a, b claimed) int { return cmp.Compare(a.Account, b.Account) })
	mails := make([]NoticeMail, len(hand))
	for i, c := range hand {
		mails[i] = c.mail()
	}
	refused, err := o.readers.DeliverAll(ctx, mails)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err() // still claimed; the next sender goes on here
		}
		return o.away(ctx, b, hand, err)
	}
	var out, back []claimed
	var causes []error
	for i, c := range hand {
		if refused[i] == nil {
			out = append(out, c)
		} else {
			back, causes = append(back, c), append(causes, refused[i])
		}
	}
	out, gone, err := o.record(ctx, out)
	if err != nil {
		return err
	}
	for _, c := range gone {
		back, causes = append(back, c), append(causes, &postern.Error{Kind: postern.NotFound, Text: "the account was erased"})
	}
	now := db.Millis(o.now())
	rows := make([][]any, len(out))
	for i, c := range out {
		rows[i] = []any{string(c.ID), int64(c.Version), now}
	}
	return o.db.Update(ctx, func(tx *db.Tx) error {
		if err := tx.Many("UPDATE response_notice SET state = 'sent', problem = '', sent = v.column3 FROM (VALUES ",
			") AS v WHERE response_notice.id = v.column1 AND response_notice.version = v.column2 AND response_notice.state = 'sending'", rows); err != nil {
			return err
		}
		for i, c := range back {
			if err := o.failed(tx, c, causes[i]); err != nil {
				return err
			}
		}
		if len(out) == 0 {
			return nil
		}
		_, err := tx.Exec("UPDATE response_batch SET faults = 0, problem = '', not_before = 0 WHERE incident = ?1 AND version = ?2 AND faults > 0", b.Incident, int64(b.Version))
		return err
	})
}

func (n Notice) mail() NoticeMail {
	return NoticeMail{Account: n.Account, ID: n.ID, Version: n.Version, Subject: n.Subject, Text: n.Text, Locale: n.Locale}
}

// failed notes why a notice could not be delivered: for good, or until later.
func (o *Office) failed(tx *db.Tx, c claimed, cause error) error {
	faults := c.faults + 1
	state, problem, later := NoticeDue, ProblemLater, o.now().Add(pauseAfter(min(faults, sendTries)))
	switch postern.KindOf(cause) {
	case postern.NotFound:
		state, problem = NoticeFailed, ProblemGone
	case postern.Denied, postern.Invalid:
		state, problem = NoticeFailed, ProblemRefused
	default:
		if faults >= sendTries {
			state = NoticeFailed
		}
	}
	o.log.Warn("couldn't deliver a notice", "notice", c.ID, "version", c.Version, "fault", faults, "final", state == NoticeFailed, "err", cause)
	return tx.ExecOne("UPDATE response_notice SET state = ?3, problem = ?4, not_before = ?5, faults = ?6 WHERE id = ?1 AND version = ?2",
		c.ID, int64(c.Version), state, problem, db.Millis(later), int64(faults))
}

// away puts a hand back when nothing can be delivered at all, and has the whole
// version wait: what is no notice's fault counts against none. It may be that
// some were delivered; handed over again, they have no second effect.
func (o *Office) away(ctx context.Context, b Batch, hand []claimed, cause error) error {
	now := o.now()
	o.log.Warn("couldn't deliver any notice", "incident", b.Incident, "version", b.Version, "err", cause)
	return o.db.Update(ctx, func(tx *db.Tx) error {
		rows := make([][]any, len(hand))
		for i, c := range hand {
			rows[i] = []any{string(c.ID), int64(c.Version)}
		}
		if err := tx.Many("UPDATE response_notice SET state = 'due' FROM (VALUES ",
			") AS v WHERE response_notice.id = v.column1 AND response_notice.version = v.column2 AND response_notice.state = 'sending'", rows); err != nil {
			return err
		}
		faults := 0
		if err := tx.Row("SELECT faults FROM response_batch WHERE incident = ?1 AND version = ?2", db.Args(b.Incident, int64(b.Version)), &faults); err != nil {
			return err
		}
		until := now.Add(pauseAfter(min(faults+1, 5))) // a quarter of an hour at most
		_, err := tx.Exec("UPDATE response_batch SET claimed = claimed - ?3, faults = faults + 1, problem = ?4, not_before = ?5 WHERE incident = ?1 AND version = ?2",
			b.Incident, int64(b.Version), int64(len(hand)), ProblemLater, db.Millis(until))
		return err
	})
}

// record writes to the ledger that these people were told, and with which words;
// once, though a sender may have done it and ended before it could say so. Who
// was erased meanwhile is given back.
func (o *Office) record(ctx context.Context, hand []claimed) (told, gone []claimed, err error) {
	var due []claimed
	for _, c := range hand {
		if c.tries > 1 {
			found, err := o.ledger.Find(ctx, ledger.Filter{ID: postern.DisclosureID(controlID(c.ID, c.Version)), Limit: 1})
			if err != nil {
				return nil, nil, fmt.Errorf("couldn't read the ledger: %w", err)
			}
			if len(found) > 0 {
				told = append(told, c)
				continue
			}
		}
		due = append(due, c)
	}
	if len(due) == 0 {
		return told, nil, nil
	}
	err = o.enter(ctx, due)
	if err == nil {
		return append(told, due...), nil, nil
	}
	if !isErased(err) {
		return nil, nil, err
	}
	for i := range due {
		switch err := o.enter(ctx, due[i:i+1]); {
		case err == nil:
			told = append(told, due[i])
		case isErased(err):
			gone = append(gone, due[i])
		default:
			return nil, nil, err
		}
	}
	return told, gone, nil
}

// isErased says that the ledger keeps no more records of an account.
func isErased(err error) bool {
	var e *postern.Error
	return errors.As(err, &e) && e.Kind != postern.Unavailable && e.Kind != postern.KindOther
}

// enter writes the entries in one transaction.
func (o *Office) enter(ctx context.Context, hand []claimed) error {
	now := o.now()
	err := o.ledger.DB.Update(ctx, func(tx *db.Tx) error {
		for _, c := range hand {
			words := sha256.Sum256([]byte(c.Subject + "\x00" + c.Text))
			_, err := o.ledger.Control(tx, ledger.Control{ID: controlID(c.ID, c.Version), Kind: verify.ControlNotice, At: now, Account: c.Account,
				Subject: "notice " + string(c.ID),
				Detail:  fmt.Sprintf("version %d\nkind %s\nlanguage %s\ncode %s\nsha256 %x\n", c.Version, c.Kind, c.Locale, c.Code, words)})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("couldn't write the notices to the ledger: %w", err)
	}
	return nil
}
