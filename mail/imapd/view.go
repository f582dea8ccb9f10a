package imapd

import (
	"maps"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/postern-mail/postern"
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
	s.turn.Lock()
	defer s.turn.Unlock()
	s.view, s.kept = nil, nil
	m, err := s.server.store.MailboxByName(s.ctx, s.account, name)
	if err != nil {
		return nil, s.refusal(err)
	}
	uids, err := s.server.store.UIDs(s.ctx, s.account, m.ID)
	if err != nil {
		return nil, s.refusal(err)
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

// Unselect closes it, without expunging (RFC 9051, 6.4.2).
func (s *session) Unselect() error {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.view, s.kept = nil, nil
	return nil
}

// Poll tells what has changed since (NOOP, and after each command).
func (s *session) Poll(w *imapserver.UpdateWriter, allowExpunge bool) error {
	s.turn.Lock()
	defer s.turn.Unlock()
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
		if done, err := s.idleOnce(w, stop); done || err != nil {
			return err
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

// idleOnce has its turn only while nobody has ended IDLE: the next command may
// have begun already.
func (s *session) idleOnce(w *imapserver.UpdateWriter, stop <-chan struct{}) (done bool, err error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	select {
	case <-stop:
		return true, nil
	default:
	}
	if s.view == nil {
		return false, nil
	}
	if err := s.sync(w, true); err != nil {
		return true, err
	}
	// The client is silent, so no read will send this.
	return false, s.link.Flush()
}

// sync tells the client of everything between what it was told and now. A
// mailbox that was deleted has lost all its messages.
func (s *session) sync(w *imapserver.UpdateWriter, allowExpunge bool) error {
	v := s.view
	m, err := s.server.store.MailboxByID(s.ctx, s.account, v.mailbox.ID)
	switch {
	case postern.KindOf(err) == postern.NotFound:
		for _, uid := range v.uids {
			v.gone[uid] = true
		}
	case err != nil:
		return s.refusal(err)
	case m.HighestModSeq != v.modseq:
		if err := s.news(w, v); err != nil {
			return err
		}
		v.modseq = m.HighestModSeq
	}
	if !allowExpunge || len(v.gone) == 0 {
		return nil
	}
	return v.leave(slices.Collect(maps.Keys(v.gone)), w.WriteExpunge)
}

func (s *session) news(w *imapserver.UpdateWriter, v *view) error {
	vanished, err := s.server.store.Vanished(s.ctx, s.account, v.mailbox.ID, v.modseq)
	if err != nil {
		return s.refusal(err)
	}
	for _, r := range vanished {
		at, _ := slices.BinarySearch(v.uids, r.First)
		for ; at < len(v.uids) && v.uids[at] <= r.Last; at++ {
			v.gone[v.uids[at]] = true
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
		return s.refusal(err)
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

// set gives the UIDs that a client's set names, of those it has been told of. A
// sequence number beyond them is the client's mistake (RFC 9051, 6.4.4 and 9).
func (s *session) set(n imap.NumSet) (store.UIDSet, error) {
	if imap.IsSearchRes(n) {
		n = s.kept
	}
	return s.view.set(n)
}

func (v *view) set(n imap.NumSet) (store.UIDSet, error) {
	out := store.UIDSet{}
	count := uint32(len(v.uids))
	switch n := n.(type) {
	case imap.SeqSet:
		for _, r := range n {
			first, last := bounds(r.Start, r.Stop, count)
			if first == 0 || last > count {
				return nil, &imap.Error{Type: imap.StatusResponseTypeBad, Text: "there is no message of that number"}
			}
			out = append(out, v.runs(int(first-1), int(last))...)
		}
	case imap.UIDSet:
		if count == 0 {
			return out, nil
		}
		// A UID beyond the greatest that was told names nothing, even if a message
		// has it by now: nobody flags or deletes what he has not seen.
		greatest := v.uids[count-1]
		for _, r := range n {
			first, last := bounds(uint32(r.Start), uint32(r.Stop), greatest)
			if first <= greatest {
				out = append(out, store.Range{First: first, Last: min(last, greatest)})
			}
		}
	}
	return out, nil
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
