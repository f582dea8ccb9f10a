package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/blob"
	"github.com/postern-mail/postern/db"
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
	items, err := s.collect(ctx, need, "p.account = ?1 AND p.num = (SELECT num FROM mail_message WHERE account = ?1 AND id = ?2) ORDER BY p.mailbox, p.uid", acc, mid)
	if err == nil && len(items) == 0 {
		err = notFound("there is no such message")
	}
	return items, err
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
	return s.collect(ctx, Summary, fmt.Sprintf("p.account = ?1 AND p.num IN (SELECT num FROM mail_message WHERE account = ?1 AND thread = ?2) ORDER BY p.received, p.uid LIMIT %d", most), acc, t)
}

// collect reads items of any mailboxes.
func (s *Store) collect(ctx context.Context, need Need, where string, args ...any) (items []Item, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		items, err = s.collectTx(tx, need, where, args)
		return err
	})
	return items, err
}

func (s *Store) collectTx(tx *db.Tx, need Need, where string, args []any) (items []Item, err error) {
	need |= Identity
	sc := itemScanner{need: need, mailboxes: true}
	err = tx.Rows(s.columns(need, true)+" WHERE "+where, args, func(row db.Scanner) error {
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
		return Item{}, nil, errCodec
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
