package store

import (
	"context"
	"encoding/hex"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// traceRow is a row of mail_trace.
type traceRow struct {
	message, mid                             []byte
	event, sender, verdicts, mailbox, detail string
}

func (s *Store) trace(tx *db.Tx, acc []byte, r traceRow) error {
	id := s.newMessageID() // sorts by time, as rows of one millisecond must
	return tx.ExecOne("INSERT INTO mail_trace (account, at, id, message, mid, event, sender, verdicts, mailbox, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
		acc, millis(s.now()), id[:], nullable(r.message), nullable(r.mid), r.event, strings.ToLower(r.sender), r.verdicts, r.mailbox, r.detail)
}

// Trace writes what happened to a message that Append did not write.
func (s *Store) Trace(ctx context.Context, id postern.AccountID, t Trace) error {
	acc, err := key(id)
	if err != nil {
		return err
	}
	r := traceRow{event: t.Event, sender: t.Sender, verdicts: t.Verdicts, mailbox: t.Mailbox, detail: t.Detail}
	if t.Message != "" {
		if r.message, err = key(t.Message); err != nil {
			return err
		}
	}
	if t.MessageIDHeader != "" {
		r.mid = messageIDDigest(t.MessageIDHeader)
	}
	return s.db.Update(ctx, func(tx *db.Tx) error { return s.trace(tx, acc, r) })
}

// maxTraces bounds an answer of Traces.
const maxTraces = 500

// Traces gives rows, newest first, about a sender's address, a Message-ID in
// angle brackets, or everything for "".
func (s *Store) Traces(ctx context.Context, id postern.AccountID, about string, limit int) ([]postern.TraceEvent, error) {
	about = strings.TrimSpace(about)
	switch {
	case about == "":
		return s.traces(ctx, id, limit, "")
	case strings.HasPrefix(about, "<"):
		return s.traces(ctx, id, limit, " AND mid = ?3", messageIDDigest(about))
	}
	return s.traces(ctx, id, limit, " AND sender = ?3", strings.ToLower(about))
}

// TracesOf gives the rows of stored messages, newest first.
func (s *Store) TracesOf(ctx context.Context, id postern.AccountID, messages []postern.MessageID, limit int) ([]postern.TraceEvent, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	var marks []string
	var args []any
	for i, m := range messages {
		k, err := key(m)
		if err != nil {
			return nil, err
		}
		args = append(args, k)
		marks = append(marks, mark(i+3))
	}
	return s.traces(ctx, id, limit, " AND message IN ("+strings.Join(marks, ", ")+")", args...)
}

// Unstored gives the rows of mail that was not kept here, newest first.
func (s *Store) Unstored(ctx context.Context, id postern.AccountID, limit int) ([]postern.TraceEvent, error) {
	return s.traces(ctx, id, limit, " AND message IS NULL")
}

func (s *Store) traces(ctx context.Context, id postern.AccountID, limit int, where string, args ...any) (list []postern.TraceEvent, err error) {
	acc, err := key(id)
	if err != nil {
		return nil, err
	}
	if limit <= 0 || limit > maxTraces {
		limit = maxTraces
	}
	err = s.db.View(ctx, func(tx *db.Tx) error {
		return tx.Rows("SELECT at, message, event, sender, verdicts, mailbox, detail FROM mail_trace WHERE account = ?1"+where+" ORDER BY at DESC, id DESC LIMIT ?2",
			append(db.Args(acc, limit), args...), func(row db.Scanner) error {
				var at int64
				var msg []byte
				var e postern.TraceEvent
				if err := row.Scan(&at, &msg, &e.Event, &e.Sender, &e.Verdicts, &e.Mailbox, &e.Detail); err != nil {
					return err
				}
				e.At, e.Message = fromMillis(at), postern.MessageID(hex.EncodeToString(msg))
				list = append(list, e)
				return nil
			})
	})
	return list, err
}
