package imapd

import (
	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"github.com/postern-mail/postern/mail/internal/store"
)

// Search answers SEARCH and UID SEARCH (RFC 9051, 6.4.4).
func (s *session) Search(kind imapserver.NumKind, c *imap.SearchCriteria, _ *imap.SearchOptions) (*imap.SearchData, error) {
	found, err := s.server.store.SearchUIDs(s.ctx, s.account, s.view.mailbox.ID, s.criteria(c))
	if err != nil {
		return nil, refusal(err)
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
		if kind == imapserver.NumKindSeq {
			hit = n
			seqs.AddNum(n)
		} else {
			uids.AddNum(imap.UID(uid))
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
	return d, nil
}

// criteria turns the library's into the store's; sets are intersected by way of
// NOT, since the store takes one.
func (s *session) criteria(c *imap.SearchCriteria) store.Criteria {
	out := store.Criteria{
		Since: c.Since, Before: c.Before, SentSince: c.SentSince, SentBefore: c.SentBefore, Larger: c.Larger, Smaller: c.Smaller,
		Flags: flagNames(c.Flag), NotFlags: flagNames(c.NotFlag), Body: c.Body, Text: c.Text,
	}
	if c.ModSeq != nil {
		out.ModSeq = int64(c.ModSeq.ModSeq)
	}
	var sets []store.UIDSet
	for _, set := range c.SeqNum {
		sets = append(sets, s.view.set(set))
	}
	for _, set := range c.UID {
		sets = append(sets, s.view.set(set))
	}
	for i, set := range sets {
		if set == nil {
			set = store.UIDSet{} // names nothing; nil would be everything
		}
		if i == 0 {
			out.UIDs = set
			continue
		}
		out.Not = append(out.Not, store.Criteria{Not: []store.Criteria{{UIDs: set}}})
	}
	for _, h := range c.Header {
		out.Header = append(out.Header, store.HeaderField{Name: h.Key, Value: h.Value})
	}
	for i := range c.Not {
		out.Not = append(out.Not, s.criteria(&c.Not[i]))
	}
	for _, or := range c.Or {
		out.Or = append(out.Or, [2]store.Criteria{s.criteria(&or[0]), s.criteria(&or[1])})
	}
	return out
}
