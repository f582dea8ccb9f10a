package imapd

import (
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/store"
)

// writable refuses changes to a mailbox that was opened with EXAMINE.
func (v *view) writable() error {
	if v.readOnly {
		return no(imap.ResponseCodeNoPerm, "the mailbox was opened read-only: select it instead of examining it")
	}
	return nil
}

// Store changes flags (RFC 9051, 6.4.6).
func (s *session) Store(w *imapserver.FetchWriter, set imap.NumSet, f *imap.StoreFlags, o *imap.StoreOptions) error {
	if err := s.view.writable(); err != nil {
		return err
	}
	op := map[imap.StoreFlagsOp]store.FlagOp{imap.StoreFlagsAdd: store.Add, imap.StoreFlagsDel: store.Remove, imap.StoreFlagsSet: store.Replace}[f.Op]
	var unchangedSince int64
	if o != nil {
		unchangedSince = int64(o.UnchangedSince)
	}
	uids := s.view.set(set)
	changed, _, err := s.server.store.SetFlags(s.ctx, s.account, s.view.mailbox.ID, uids, op, flagNames(f.Flags), unchangedSince)
	if err != nil {
		return refusal(err)
	}
	for _, it := range changed {
		s.view.own[it.UID] = it.ModSeq
	}
	if f.Silent {
		return nil
	}
	return s.Fetch(w, set, &imap.FetchOptions{Flags: true})
}

// Expunge removes what is marked \Deleted (RFC 9051, 6.4.3 and 6.4.9). The
// responses are written by the Poll that follows every command.
func (s *session) Expunge(w *imapserver.ExpungeWriter, uids *imap.UIDSet) error {
	if s.view.readOnly {
		if w == nil { // CLOSE of an examined mailbox expunges nothing and succeeds
			return nil
		}
		return s.view.writable()
	}
	set := s.view.set(imap.UIDSet{{Start: 1, Stop: 0}})
	if uids != nil {
		set = s.view.set(*uids)
	}
	removed, err := s.server.store.Expunge(s.ctx, s.account, s.view.mailbox.ID, set)
	if err != nil || w == nil {
		return refusal(err)
	}
	return s.told(removed, w.WriteExpunge)
}

// told writes the expunges and takes the messages out of the view, the greatest
// number first.
func (s *session) told(removed []uint32, write func(uint32) error) error {
	v := s.view
	slices.Sort(removed)
	for i := len(removed) - 1; i >= 0; i-- {
		n, ok := v.number(removed[i])
		if !ok {
			continue
		}
		if err := write(n); err != nil {
			return err
		}
		v.uids = slices.Delete(v.uids, int(n-1), int(n))
		delete(v.gone, removed[i])
	}
	return nil
}

// Copy copies messages (RFC 9051, 6.4.7).
func (s *session) Copy(set imap.NumSet, dest string) (*imap.CopyData, error) {
	to, err := s.target(dest)
	if err != nil {
		return nil, err
	}
	c, err := s.server.store.Copy(s.ctx, s.account, s.view.mailbox.ID, s.view.set(set), to.ID)
	if err != nil {
		return nil, refusal(err)
	}
	return copyData(c), nil
}

// Move moves messages (RFC 9051, 6.4.8).
func (s *session) Move(w *imapserver.MoveWriter, set imap.NumSet, dest string) error {
	if err := s.view.writable(); err != nil {
		return err
	}
	to, err := s.target(dest)
	if err != nil {
		return err
	}
	c, err := s.server.store.Move(s.ctx, s.account, s.view.mailbox.ID, s.view.set(set), to.ID)
	if err != nil {
		return refusal(err)
	}
	if len(c.From) > 0 {
		if err := w.WriteCopyData(copyData(c)); err != nil {
			return err
		}
	}
	return s.told(slices.Clone(c.From), w.WriteExpunge)
}

func (s *session) target(name string) (store.Mailbox, error) {
	m, err := s.server.store.MailboxByName(s.ctx, s.account, name)
	if postern.KindOf(err) == postern.NotFound {
		return m, no(imap.ResponseCodeTryCreate, "there is no such mailbox: create it first")
	}
	return m, refusal(err)
}

func copyData(c store.Copied) *imap.CopyData {
	d := &imap.CopyData{UIDValidity: c.UIDValidity}
	for i := range c.From {
		d.SourceUIDs.AddNum(imap.UID(c.From[i]))
		d.DestUIDs.AddNum(imap.UID(c.To[i]))
	}
	return d
}
