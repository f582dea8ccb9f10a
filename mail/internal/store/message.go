package store

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/blob"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/mail/internal/codec"
	"github.com/postern-mail/postern/message"
)

// Places gives the mailboxes a message lies in, as items with need; NotFound.
func (s *Store) Places(ctx context.Context, id postern.AccountID, msg postern.MessageID, need Need) ([]Item, error) {
	acc, err := key(id)
	if err != nil {
		return nil, err
	}
	mid, err := key(msg)
	if err != nil {
		return nil, err
	}
	items, err := s.collect(ctx, need, "m.account = ?1 AND m.id = ?2", acc, mid)
	slices.SortFunc(items, func(a, b Item) int {
		return cmp.Or(strings.Compare(string(a.Mailbox), string(b.Mailbox)), cmp.Compare(a.UID, b.UID))
	})
	if err == nil && len(items) == 0 {
		err = notFound("there is no such message")
	}
	return items, err
}

// Summaries gives one place of each of these messages that is still there, with
// Summary, in one query.
func (s *Store) Summaries(ctx context.Context, id postern.AccountID, msgs []postern.MessageID) (map[postern.MessageID]Item, error) {
	acc, err := key(id)
	args, marks := []any{acc}, make([]string, 0, len(msgs))
	for _, m := range msgs {
		if mid, bad := key(m); bad == nil {
			args = append(args, mid)
			marks = append(marks, fmt.Sprint("?", len(args)))
		}
	}
	found := make(map[postern.MessageID]Item, len(marks))
	if err != nil || len(marks) == 0 {
		return found, err
	}
	items, err := s.collect(ctx, Summary, "m.account = ?1 AND m.id IN ("+strings.Join(marks, ", ")+")", args...)
	for _, it := range items {
		if old, ok := found[it.ID]; !ok || it.Mailbox < old.Mailbox {
			found[it.ID] = it
		}
	}
	return found, err
}

// Thread gives a thread's items, oldest first, with Summary. A message in two
// mailboxes is there twice.
func (s *Store) Thread(ctx context.Context, id postern.AccountID, thread string) ([]Item, error) {
	acc, err := key(id)
	if err != nil {
		return nil, err
	}
	t, err := hex.DecodeString(thread)
	if err != nil {
		return nil, notFound("there is no such thread")
	}
	const most = 1000
	items, err := s.collect(ctx, Summary, fmt.Sprintf("m.account = ?1 AND m.thread = ?2 LIMIT %d", most), acc, t)
	slices.SortFunc(items, func(a, b Item) int {
		return cmp.Or(a.Internal.Compare(b.Internal), strings.Compare(string(a.ID), string(b.ID)), cmp.Compare(a.UID, b.UID))
	})
	return items, err
}

// collect reads the places of messages.
func (s *Store) collect(ctx context.Context, need Need, where string, args ...any) (items []Item, err error) {
	need |= Identity
	err = s.db.View(ctx, func(tx *db.Tx) error {
		items, err = collect(tx, need, s.fromMessages(need)+" WHERE "+where, args)
		return err
	})
	return items, err
}

// collect reads rows that name their mailbox.
func collect(tx *db.Tx, need Need, query string, args []any) (items []Item, err error) {
	sc := itemScanner{need: need, mailboxes: true}
	err = tx.Rows(query, args, func(row db.Scanner) error {
		items = append(items, Item{})
		return sc.scan(row, &items[len(items)-1])
	})
	return items, err
}

// Message gives a message with everything, and its bytes; NotFound. Of the
// mailboxes it lies in the item names one.
func (s *Store) Message(ctx context.Context, acc postern.AccountID, id postern.MessageID) (Item, []byte, error) {
	items, err := s.Places(ctx, acc, id, Summary|Envelope|Structure)
	if err != nil {
		return Item{}, nil, err
	}
	f, err := s.OpenRaw(ctx, acc, id)
	if err != nil {
		return Item{}, nil, err
	}
	defer f.Close()
	if items[0].Size > message.MaxSize {
		return Item{}, nil, codec.ErrDamaged
	}
	raw := make([]byte, items[0].Size)
	if _, err := io.ReadFull(f, raw); err != nil {
		return Item{}, nil, fmt.Errorf("couldn't read the message's bytes: %w", err)
	}
	return items[0], raw, nil
}

// OpenRaw opens a message's bytes; NotFound.
func (s *Store) OpenRaw(ctx context.Context, id postern.AccountID, msg postern.MessageID) (io.ReadSeekCloser, error) {
	acc, err := key(id)
	if err != nil {
		return nil, err
	}
	mid, err := key(msg)
	if err != nil {
		return nil, err
	}
	f, err := s.blobs.Open(ctx, blobName(acc, mid))
	if errors.Is(err, blob.ErrNotFound) {
		return nil, &postern.Error{Kind: postern.NotFound, Text: "there is no such message", Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't open the message's bytes: %w", err)
	}
	return f, nil
}
