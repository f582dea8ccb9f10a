package readers

import (
	"context"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/web/told"
	"github.com/postern-mail/postern/response/notify"
)

// Notices gives what an account has been told, for the customer's face.
func Notices(ctx context.Context, o *notify.Office, a postern.AccountID) ([]told.Notice, error) {
	all, err := o.NoticesOf(ctx, a)
	list := make([]told.Notice, len(all))
	for i, n := range all {
		list[i] = noticeOf(n)
	}
	return list, err
}

// Open gives one of them with what was shown, and notes that it was read.
func Open(ctx context.Context, o *notify.Office, a postern.AccountID, id postern.NoticeID, version int) (told.Notice, error) {
	n, err := o.Read(ctx, a, id, version)
	if err != nil {
		return told.Notice{}, err
	}
	out := noticeOf(n)
	at := map[postern.MessageID]int{}
	for _, e := range n.Exposures {
		for _, m := range e.Messages {
			i, known := at[m.ID]
			if !known {
				i = len(out.Shown)
				at[m.ID] = i
				out.Shown = append(out.Shown, told.Shown{Message: m.ID})
			}
			s := &out.Shown[i]
			s.Tier, s.Fields = max(s.Tier, e.Tier), s.Fields|m.Fields
		}
	}
	return out, nil
}

func noticeOf(n notify.Notice) told.Notice {
	return told.Notice{ID: n.ID, Version: n.Version, Code: n.Code, Kind: n.Kind, At: n.At, Subject: n.Subject, Text: n.Text, Delivered: n.State == notify.NoticeSent}
}
