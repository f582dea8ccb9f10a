package imapd

import (
	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/postern-mail/postern/mail/internal/store"
)

// Search answers SEARCH and UID SEARCH (RFC 9051, 6.4.4).
func (s *session) Search(kind imapserver.NumKind, c *imap.SearchCriteria, o *imap.SearchOptions) (*imap.SearchData, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	if o.ReturnSave {
		s.kept = nil // a search that fails leaves the empty set (RFC 9051, 6.4.4.1)
	}
	criteria, err := s.criteria(c)
	if err != nil {
		return nil, err
	}
	found, err := s.server.store.SearchUIDs(s.ctx, s.account, s.view.mailbox.ID, criteria)
	if err != nil {
		return nil, s.refusal(err)
	}
	d := &imap.SearchData{}
	var seqs imap.SeqSet
	var uids imap.UIDSet
	for _, uid := range found {
		n, ok := s.view.number(uid)
		if !ok { // came since the client was last told
			continue
		}
		hit := uid
		uids.AddNum(imap.UID(uid))
		if kind == imapserver.NumKindSeq {
			hit = n
			seqs.AddNum(n)
		}
		if d.Count == 0 {
			d.Min = hit
		}
		d.Max = hit
		d.Count++
	}
	if kind == imapserver.NumKindSeq {
		d.All = seqs
	} else {
		d.All = uids
	}
	if o.ReturnSave {
		s.kept = savedOf(o, uids)
	}
	return d, nil
}

// savedOf is what "$" stands for next: with MIN or MAX and neither ALL nor
// COUNT, those messages alone (RFC 9051, 6.4.4.1).
func savedOf(o *imap.SearchOptions, found imap.UIDSet) imap.UIDSet {
	if o.ReturnAll || o.ReturnCount || !o.ReturnMin && !o.ReturnMax || len(found) == 0 {
		return found
	}
	var kept imap.UIDSet
	if o.ReturnMin {
		kept.AddNum(found[0].Start)
	}
	if o.ReturnMax {
		kept.AddNum(found[len(found)-1].Stop)
	}
	return kept
}

// criteria turns the library's into the store's; sets are intersected by way of
// NOT, since the store takes one.
func (s *session) criteria(c *imap.SearchCriteria) (store.Criteria, error) {
	out := store.Criteria{
		Since: c.Since, Before: c.Before, SentSince: c.SentSince, SentBefore: c.SentBefore, Larger: c.Larger, Smaller: c.Smaller,
		Flags: flagNames(c.Flag), NotFlags: flagNames(c.NotFlag), Body: c.Body, Text: c.Text,
	}
	if c.ModSeq != nil {
		out.ModSeq = int64(c.ModSeq.ModSeq)
	}
	for _, h := range c.Header {
		out.Header = append(out.Header, store.HeaderField{Name: h.Key, Value: h.Value})
	}
	var sets []imap.NumSet
	for _, set := range c.SeqNum {
		sets = append(sets, set)
	}
	for _, set := range c.UID {
		sets = append(sets, set)
	}
	for i, named := range sets {
		set, err := s.set(named)
		if err != nil {
			return out, err
		}
		if i == 0 {
			out.UIDs = set
			continue
		}
		out.Not = append(out.Not, store.Criteria{Not: []store.Criteria{{UIDs: set}}})
	}
	for i := range c.Not {
		not, err := s.criteria(&c.Not[i])
		if err != nil {
			return out, err
		}
		out.Not = append(out.Not, not)
	}
	for i := range c.Or {
		var or [2]store.Criteria
		for j := range or {
			var err error
			if or[j], err = s.criteria(&c.Or[i][j]); err != nil {
				return out, err
			}
		}
		out.Or = append(out.Or, or)
	}
	return out, nil
}
