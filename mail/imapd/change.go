package imapd

import (
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/store"
)

// noBound is SetFlags' for a STORE without UNCHANGEDSINCE.
const noBound = -1

// writable refuses changes to a mailbox that was opened with EXAMINE.
func (v *view) writable() error {
	if v.readOnly {
		return no(imap.ResponseCodeNoPerm, "the mailbox was opened read-only: select it instead of examining it")
	}
	return nil
}

// Store changes flags (RFC 9051, 6.4.6).
func (s *session) Store(w *imapserver.FetchWriter, set imap.NumSet, f *imap.StoreFlags, _ *imap.StoreOptions) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	v := s.view
	if err := v.writable(); err != nil {
		return err
	}
	uids, err := s.set(set)
	if err != nil {
		return err
	}
	op := map[imap.StoreFlagsOp]store.FlagOp{imap.StoreFlagsAdd: store.Add, imap.StoreFlagsDel: store.Remove, imap.StoreFlagsSet: store.Replace}[f.Op]
	items, _, err := s.server.store.SetFlags(s.ctx, s.account, v.mailbox.ID, uids, op, flagNames(f.Flags), noBound)
	if err != nil {
		return s.refusal(err)
	}
	_, byUID := set.(imap.UIDSet)
	for i := range items {
		it := &items[i]
		// The client knows this change, or is told of it here.
		v.own[it.UID] = it.ModSeq
		n, ok := v.number(it.UID)
		if f.Silent || !ok {
			continue
		}
		m := w.CreateMessage(n)
		if byUID {
			m.WriteUID(imap.UID(it.UID))
		}
		m.WriteFlags(flagsOf(it))
		if err := m.Close(); err != nil {
			return err
		}
	}
	return nil
}

// Expunge removes what is marked \Deleted (RFC 9051, 6.4.3 and 6.4.9).
func (s *session) Expunge(w *imapserver.ExpungeWriter, uids *imap.UIDSet) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	v := s.view
	if v.readOnly {
		// CLOSE, which has a writer that writes nowhere, expunges nothing then and
		// succeeds (RFC 9051, 6.4.1).
		if *w == (imapserver.ExpungeWriter{}) {
			return nil
		}
		return v.writable()
	}
	var set store.UIDSet // all
	if uids != nil {
		var err error
		if set, err = s.set(*uids); err != nil || len(set) == 0 {
			return err
		}
	}
	removed, err := s.server.store.Expunge(s.ctx, s.account, v.mailbox.ID, set)
	if err != nil {
		return s.refusal(err)
	}
	return v.leave(removed, w.WriteExpunge)
}

// leave takes messages out of the view and tells it, the greatest number first,
// so that each number is still right when it is told.
func (v *view) leave(removed []uint32, write func(uint32) error) error {
	slices.Sort(removed)
	for _, uid := range slices.Backward(removed) {
		n, ok := v.number(uid)
		if !ok {
			continue
		}
		v.uids = slices.Delete(v.uids, int(n-1), int(n))
		delete(v.gone, uid)
		if err := write(n); err != nil {
			return err
		}
	}
	return nil
}

// Copy copies messages (RFC 9051, 6.4.7).
func (s *session) Copy(set imap.NumSet, dest string) (*imap.CopyData, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	uids, err := s.set(set)
	if err != nil {
		return nil, err
	}
	to, err := s.target(dest)
	if err != nil {
		return nil, err
	}
	c, err := s.server.store.Copy(s.ctx, s.account, s.view.mailbox.ID, uids, to.ID)
	if err != nil || len(c.From) == 0 {
		return nil, s.refusal(err)
	}
	return copyData(c), nil
}

// Move moves messages (RFC 9051, 6.4.8).
func (s *session) Move(w *imapserver.MoveWriter, set imap.NumSet, dest string) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	v := s.view
	if err := v.writable(); err != nil {
		return err
	}
	uids, err := s.set(set)
	if err != nil {
		return err
	}
	to, err := s.target(dest)
	if err != nil {
		return err
	}
	c, err := s.server.store.Move(s.ctx, s.account, v.mailbox.ID, uids, to.ID)
	if err != nil || len(c.From) == 0 {
		return s.refusal(err)
	}
	if err := w.WriteCopyData(copyData(c)); err != nil {
		return err
	}
	return v.leave(slices.Clone(c.From), w.WriteExpunge)
}

// target finds where messages go.
func (s *session) target(name string) (store.Mailbox, error) {
	m, err := s.server.store.MailboxByName(s.ctx, s.account, name)
	if postern.KindOf(err) == postern.NotFound {
		return m, no(imap.ResponseCodeTryCreate, "there is no such mailbox: create it first")
	}
	return m, s.refusal(err)
}

func copyData(c store.Copied) *imap.CopyData {
	d := &imap.CopyData{UIDValidity: c.UIDValidity}
	for i := range c.From {
		d.SourceUIDs.AddNum(imap.UID(c.From[i]))
		d.DestUIDs.AddNum(imap.UID(c.To[i]))
	}
	return d
}
