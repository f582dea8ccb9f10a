package imapd

import (
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/postern-mail/postern/mail/internal/store"
)

// view is the selected mailbox as the client has been told of it. uids[n-1] is
// the message with sequence number n; what the store has beyond that is told by
// sync, at the moments the protocol allows (RFC 9051, 5.2 and 7.5.1).
type view struct {
	mailbox  store.Mailbox
	uids     []uint32 // ascending
	modseq   int64    // what has been told
	readOnly bool
	gone     map[uint32]bool  // expunged, and not yet told
	own      map[uint32]int64 // modseq of this session's own changes, told already
}

// Select opens a mailbox (RFC 9051, 6.3.2).
func (s *session) Select(name string, o *imap.SelectOptions) (*imap.SelectData, error) {
	s.view = nil
	m, err := s.server.store.MailboxByName(s.ctx, s.account, name)
	if err != nil {
		return nil, refusal(err)
	}
	uids, err := s.server.store.UIDs(s.ctx, s.account, m.ID)
	if err != nil {
		return nil, refusal(err)
	}
	// m was read first: what came between is told by the next sync, twice at
	// worst and never not at all.
	s.view = &view{mailbox: m, uids: uids, modseq: m.HighestModSeq, readOnly: o != nil && o.ReadOnly, gone: map[uint32]bool{}, own: map[uint32]int64{}}
	system := []imap.Flag{imap.FlagSeen, imap.FlagAnswered, imap.FlagFlagged, imap.FlagDeleted, imap.FlagDraft}
	permanent := append(slices.Clone(system), imap.FlagWildcard)
	if s.view.readOnly {
		permanent = nil
	}
	return &imap.SelectData{Flags: system, PermanentFlags: permanent, NumMessages: uint32(len(uids)), UIDNext: imap.UID(m.UIDNext), UIDValidity: m.UIDValidity,
		HighestModSeq: uint64(m.HighestModSeq)}, nil
}

func (s *session) Unselect() error {
	s.view = nil
	return nil
}

// Poll tells what has changed since (NOOP, and after each command).
func (s *session) Poll(w *imapserver.UpdateWriter, allowExpunge bool) error {
	if s.view == nil {
		return nil
	}
	return s.sync(w, allowExpunge)
}

// Idle tells changes as they come (RFC 9051, 6.3.13).
func (s *session) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	changed, unwatch := s.server.store.Watch(s.account)
	defer unwatch()
	for {
		if s.view != nil {
			if err := s.sync(w, true); err != nil {
				return err
			}
			// The client is silent, so no read will send this.
			if err := s.link.Flush(); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-stop:
			return nil
		case <-s.ctx.Done():
			return nil
		}
	}
}

// sync tells the client of everything between what it was told and now.
func (s *session) sync(w *imapserver.UpdateWriter, allowExpunge bool) error {
	v := s.view
	m, err := s.server.store.MailboxByID(s.ctx, s.account, v.mailbox.ID)
	if err != nil {
		return refusal(err)
	}
	if m.HighestModSeq != v.modseq {
		if err := s.news(w, v); err != nil {
			return err
		}
		v.modseq = m.HighestModSeq
	}
	if !allowExpunge || len(v.gone) == 0 {
		return nil
	}
	for i := len(v.uids) - 1; i >= 0; i-- {
		if v.gone[v.uids[i]] {
			if err := w.WriteExpunge(uint32(i + 1)); err != nil {
				return err
			}
			v.uids = slices.Delete(v.uids, i, i+1)
		}
	}
	clear(v.gone)
	return nil
}

func (s *session) news(w *imapserver.UpdateWriter, v *view) error {
	vanished, err := s.server.store.Vanished(s.ctx, s.account, v.mailbox.ID, v.modseq)
	if err != nil {
		return refusal(err)
	}
	for _, uid := range v.uids {
		if vanished.Contains(uid) {
			v.gone[uid] = true
		}
	}
	last := uint32(0)
	if len(v.uids) > 0 {
		last = v.uids[len(v.uids)-1]
	}
	var changed []store.Item
	grown := false
	err = s.server.store.Changed(s.ctx, s.account, v.mailbox.ID, store.All(), v.modseq, 0, func(it *store.Item) error {
		switch {
		case it.UID > last:
			v.uids = append(v.uids, it.UID)
			grown = true
		case v.own[it.UID] != it.ModSeq:
			changed = append(changed, *it)
		}
		return nil
	})
	if err != nil {
		return refusal(err)
	}
	clear(v.own)
	if grown {
		if err := w.WriteNumMessages(uint32(len(v.uids))); err != nil {
			return err
		}
	}
	for _, it := range changed {
		if n, ok := v.number(it.UID); ok {
			if err := w.WriteMessageFlags(n, imap.UID(it.UID), flagsOf(&it)); err != nil {
				return err
			}
		}
	}
	return nil
}

func flagsOf(it *store.Item) []imap.Flag {
	flags := make([]imap.Flag, len(it.Flags))
	for i, f := range it.Flags {
		flags[i] = imap.Flag(f)
	}
	return flags
}

// number gives a message's sequence number.
func (v *view) number(uid uint32) (uint32, bool) {
	i, ok := slices.BinarySearch(v.uids, uid)
	return uint32(i + 1), ok
}

// set gives the UIDs that a client's set names, of those it has been told of.
func (v *view) set(n imap.NumSet) store.UIDSet {
	var out store.UIDSet
	count := uint32(len(v.uids))
	if count == 0 {
		return nil
	}
	switch n := n.(type) {
	case imap.SeqSet:
		for _, r := range n {
			first, last := bounds(r.Start, r.Stop, count)
			if first > count {
				continue
			}
			out = append(out, v.runs(int(first-1), int(min(last, count)))...)
		}
	case imap.UIDSet:
		greatest := v.uids[count-1]
		for _, r := range n {
			first, last := bounds(uint32(r.Start), uint32(r.Stop), greatest)
			out = append(out, store.Range{First: first, Last: last})
		}
	}
	return out
}

// bounds puts a range in order, "*" (0) being the greatest: "*:4" and "4:*" are
// the same, and hold the greatest even if it is below 4 (RFC 9051, 9, seq-range).
func bounds(first, last, greatest uint32) (uint32, uint32) {
	if first == 0 {
		first = greatest
	}
	if last == 0 {
		last = greatest
	}
	if first > last {
		first, last = last, first
	}
	return first, last
}

// runs gives the UIDs at from to to (exclusive) as ranges of what the client
// knows: a message that came since must not slip in between.
func (v *view) runs(from, to int) store.UIDSet {
	var out store.UIDSet
	for i := from; i < to; {
		j := i + 1
		for j < to && v.uids[j] == v.uids[j-1]+1 {
			j++
		}
		out = append(out, store.Range{First: v.uids[i], Last: v.uids[j-1]})
		i = j
	}
	return out
}
