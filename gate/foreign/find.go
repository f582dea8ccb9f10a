package foreign

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/postern-mail/postern"
)

const (
	maxFound = 100 // gate.Mailboxes
	// maxLooked bounds the dates that are read of one mailbox, the newest
	// messages first.
	maxLooked = 2000
)

// item is one message that is there.
type item struct {
	id      postern.MessageID
	box     box
	uid     imap.UID
	arrived time.Time // INTERNALDATE
	size    int64
}

// Find gives the ids of the messages that a scope reaches, newest first, at
// most 100.
func (m *Mailboxes) Find(ctx context.Context, acc postern.AccountID, scope postern.Scope) ([]postern.MessageID, error) {
	limit := scope.Limit
	if limit <= 0 || limit > maxFound {
		limit = maxFound
	}
	var criteria imap.SearchCriteria
	switch {
	case len(scope.Messages) > 0:
	case scope.Mailbox != "":
	case strings.TrimSpace(scope.Query) != "":
		var err error
		if criteria, err = parseQuery(scope.Query, m.Now()); err != nil {
			return nil, err
		}
	default:
		return nil, &postern.Error{Kind: postern.Invalid, Key: "mail.scope-empty", Text: "the scope names no message, mailbox or search"}
	}
	var ids []postern.MessageID
	_, err := m.with(ctx, acc, func(_ context.Context, l *link) error {
		var found []item
		var err error
		if len(scope.Messages) > 0 {
			found, err = m.existing(l, acc, scope.Messages[:min(len(scope.Messages), limit)])
		} else {
			found, err = m.search(l, acc, scope, criteria)
		}
		if err != nil {
			return err
		}
		slices.SortStableFunc(found, func(a, b item) int {
			if c := b.arrived.Compare(a.arrived); c != 0 {
				return c
			}
			return int(int64(b.uid) - int64(a.uid))
		})
		for _, it := range found[:min(len(found), limit)] {
			ids = append(ids, it.id)
		}
		return nil
	})
	return ids, err
}

func (m *Mailboxes) search(l *link, acc postern.AccountID, scope postern.Scope, criteria imap.SearchCriteria) ([]item, error) {
	boxes, err := l.boxes()
	if err != nil {
		return nil, err
	}
	if scope.Mailbox != "" {
		b, ok := find(boxes, scope.Mailbox)
		if !ok {
			return nil, &postern.Error{Kind: postern.NotFound, Text: "the account has no mailbox of this name"}
		}
		boxes = []box{b}
	}
	// SEARCH knows days alone, of the server's own time zone: a day more on each
	// side, and the moment is looked at here.
	if !scope.Since.IsZero() {
		criteria.And(&imap.SearchCriteria{Since: scope.Since.AddDate(0, 0, -1)})
	}
	if !scope.Until.IsZero() {
		criteria.And(&imap.SearchCriteria{Before: scope.Until.AddDate(0, 0, 2)})
	}
	var all []item
	for _, b := range boxes {
		validity, err := l.examine(b.name)
		if err != nil {
			return nil, err
		}
		data, err := l.client.UIDSearch(&criteria, nil).Wait()
		if err != nil {
			return nil, l.failed("search a mailbox", err)
		}
		uids := data.AllUIDs()
		slices.Sort(uids)
		items, err := m.fetch(l, acc, b, validity, uids[max(0, len(uids)-maxLooked):])
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			if (scope.Since.IsZero() || !it.arrived.Before(scope.Since)) && (scope.Until.IsZero() || it.arrived.Before(scope.Until)) {
				all = append(all, it)
			}
		}
	}
	return all, nil
}

// existing gives those of the messages that are the account's and there.
func (m *Mailboxes) existing(l *link, acc postern.AccountID, ids []postern.MessageID) ([]item, error) {
	block, err := m.cipherOf(acc)
	if err != nil {
		return nil, err
	}
	wanted := map[uint32][]place{}
	for _, id := range ids {
		if p, ok := unseal(block, id); ok {
			wanted[p.mailbox] = append(wanted[p.mailbox], p)
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	boxes, err := l.boxes()
	if err != nil {
		return nil, err
	}
	var all []item
	for _, b := range boxes {
		places := wanted[hashOf(b.name)]
		if len(places) == 0 {
			continue
		}
		validity, err := l.examine(b.name)
		if err != nil {
			return nil, err
		}
		var uids []imap.UID
		for _, p := range places {
			if p.validity == validity { // RFC 9051, 2.3.1.1: else the UIDs mean nothing
				uids = append(uids, imap.UID(p.uid))
			}
		}
		items, err := m.fetch(l, acc, b, validity, uids)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
	}
	return all, nil
}

// fetch reads the dates and sizes of messages of the mailbox that is open.
func (m *Mailboxes) fetch(l *link, acc postern.AccountID, b box, validity uint32, uids []imap.UID) ([]item, error) {
	if len(uids) == 0 {
		return nil, nil
	}
	block, err := m.cipherOf(acc)
	if err != nil {
		return nil, err
	}
	list, err := l.client.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, InternalDate: true, RFC822Size: true}).Collect()
	if err != nil {
		return nil, l.failed("read messages' dates", err)
	}
	var items []item
	for _, d := range list {
		if slices.Contains(uids, d.UID) { // nothing that was not asked for
			items = append(items, item{seal(block, place{hashOf(b.name), validity, uint32(d.UID)}), b, d.UID, d.InternalDate.UTC(), d.RFC822Size})
		}
	}
	return items, nil
}
