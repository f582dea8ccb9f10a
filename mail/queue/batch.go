package queue

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// batch is one message for the recipients of one domain.
type batch struct {
	account, message []byte
	domain           string
	recipients       []recipient
	local            bool // of this house: the first delivery failed

	sender string
	raw    []byte
}

type recipient struct {
	address string
	at      int64 // accepted
	tries   int
}

func (b *batch) key() string {
	return string(b.account) + string(b.message) + b.domain
}

func (b *batch) accountID() postern.AccountID {
	return postern.AccountID(hex.EncodeToString(b.account))
}

// outcome is what became of one recipient.
type outcome struct {
	recipient
	done  bool   // the next server has it
	final bool   // it was refused for good
	reply string // "550 5.1.1 no such user", in the server's words
	host  string // who said so; "" when nobody did
}

// due lists the batches whose time has come, the longest waiting first.
func (q *Queue) due(ctx context.Context) (batches []*batch, err error) {
	err = q.DB.View(ctx, func(tx *db.Tx) error {
		batches = nil
		open := map[string]*batch{}
		return tx.Rows("SELECT account, message, recipient, domain, at, tries FROM mail_queue_recipient WHERE due <= ?1 ORDER BY due LIMIT 1000",
			db.Args(q.Now().UnixMilli()), func(row db.Scanner) error {
				var b batch
				var r recipient
				if err := row.Scan(&b.account, &b.message, &r.address, &b.domain, &r.at, &r.tries); err != nil {
					return err
				}
				o := open[b.key()]
				if o == nil || len(o.recipients) == batchMost {
					if o != nil {
						return nil // the rest of a long list: in the next round
					}
					o = &b
					open[b.key()] = o
					batches = append(batches, o)
				}
				o.recipients = append(o.recipients, r)
				return nil
			})
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the queue: %w", err)
	}
	for _, b := range batches {
		if b.local, err = q.Accounts.Local(ctx, b.domain); err != nil {
			return nil, err
		}
	}
	return batches, nil
}

// load reads the message of a batch.
func (q *Queue) load(ctx context.Context, b *batch) error {
	return q.DB.View(ctx, func(tx *db.Tx) error {
		return tx.Row("SELECT sender, raw FROM mail_queue_message WHERE account = ?1 AND id = ?2", db.Args(b.account, b.message), &b.sender, &b.raw)
	})
}

// settle writes the outcomes down: rows of what is done with go, and the
// message with the last of them.
func (q *Queue) settle(ctx context.Context, b *batch, outcomes []outcome) error {
	now := q.Now()
	return q.DB.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		for _, o := range outcomes {
			if o.done || o.final {
				if err := tx.ExecOne("DELETE FROM mail_queue_recipient WHERE account = ?1 AND message = ?2 AND recipient = ?3", b.account, b.message, o.address); err != nil {
					return err
				}
				continue
			}
			if err := tx.ExecOne("UPDATE mail_queue_recipient SET tries = tries + 1, due = ?4 WHERE account = ?1 AND message = ?2 AND recipient = ?3",
				b.account, b.message, o.address, now.Add(again(o.tries)).UnixMilli()); err != nil {
				return err
			}
		}
		_, err := tx.Exec("DELETE FROM mail_queue_message WHERE account = ?1 AND id = ?2 AND NOT EXISTS (SELECT 1 FROM mail_queue_recipient WHERE account = ?1 AND message = ?2)",
			b.account, b.message)
		return err
	})
}

// key is an identifier's bytes.
func key(id string) ([]byte, error) {
	k, err := hex.DecodeString(id)
	if err != nil || len(k) != 16 {
		return nil, &postern.Error{Kind: postern.Invalid, Text: "an identifier is 32 hexadecimal digits"}
	}
	return k, nil
}
