// Package readers is what the response centre may do in the mail plane for the
// people it tells: learn their names and languages, put notices into their
// mailboxes, and ask whether those were looked at.
//
// What it keeps: nothing.
//
// Trust: it handles names, addresses and the words of notices, and puts none of
// them in a log. Of a message it learns two things: whether it is guarded, and
// whether a notice was opened.
package readers

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/mail/queue"
	"github.com/postern-mail/postern/message"
	"github.com/postern-mail/postern/response/notify"
)

// Readers is the mail plane as notices know it.
type Readers struct {
	Accounts *account.Accounts
	Mail     *mail.Mail
	Queue    *queue.Queue
	Hostname string
	Provider string
	House    string // the domain that mail to strangers comes from
	Now      func() time.Time
}

var _ notify.Readers = Readers{}

// People gives those of these accounts that there are.
func (r Readers) People(ctx context.Context, ids []postern.AccountID) (map[postern.AccountID]notify.Person, error) {
	found, err := r.Accounts.ByIDs(ctx, ids)
	people := make(map[postern.AccountID]notify.Person, len(found))
	for _, a := range found {
		people[a.ID] = notify.Person{Address: a.Address, Name: a.Name, Locale: a.Locale}
	}
	return people, err
}

// Account gives the account of an address.
func (r Readers) Account(ctx context.Context, address string) (postern.AccountID, error) {
	a, err := r.Accounts.ByAddress(ctx, address)
	return a.ID, err
}

// DeliverAll puts notices into INBOXes, in one transaction. Where that is
// refused, each has its own, so that one bad one keeps nobody else waiting.
func (r Readers) DeliverAll(ctx context.Context, notices []notify.NoticeMail) ([]error, error) {
	ids := make([]postern.AccountID, len(notices))
	for i, n := range notices {
		ids[i] = n.Account
	}
	people, err := r.People(ctx, ids)
	if err != nil {
		return nil, err
	}
	failed := make([]error, len(notices))
	letters := make([][]byte, len(notices))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, n := range notices {
		g.Go(func() error {
			if p, ok := people[n.Account]; ok {
				letters[i], failed[i] = r.letter(p, n, "", r.messageID(n.ID, n.Version))
			} else {
				failed[i] = &postern.Error{Kind: postern.NotFound, Text: "there is no such account any more"}
			}
			return nil
		})
	}
	_ = g.Wait() // each has its own error
	var to []postern.AccountID
	var raw [][]byte
	for i := range notices {
		if failed[i] == nil {
			to, raw = append(to, ids[i]), append(raw, letters[i])
		}
	}
	if len(to) == 0 {
		return failed, nil
	}
	err = r.Mail.Post(ctx, to, raw)
	if err == nil || postern.KindOf(err) == postern.Unavailable || ctx.Err() != nil {
		return failed, err
	}
	wrong := 0
	for i := range notices {
		if failed[i] == nil {
			if failed[i] = r.Mail.Post(ctx, ids[i:i+1], letters[i:i+1]); failed[i] != nil {
				wrong++
			}
		}
	}
	if wrong == len(to) { // it is not the notices: the plane takes nothing
		return failed, err
	}
	return failed, nil
}

// messageID is made of ID and version: an account that holds it has the notice
// already.
func (r Readers) messageID(id postern.NoticeID, version int) string {
	return "<notice-" + string(id) + "-" + strconv.Itoa(version) + "@" + r.Hostname + ">"
}

// letter writes the mail; house is the domain that it comes from, "" the reader's
// own.
func (r Readers) letter(to notify.Person, n notify.NoticeMail, house, messageID string) ([]byte, error) {
	local, domain, ok := cut(to.Address)
	if !ok {
		return nil, &postern.Error{Kind: postern.Invalid, Key: "account.invalid.address", Text: "write an address such as ana@outlook.example"}
	}
	if house == "" {
		house = domain
	}
	return message.Draft{
		From:    message.Address{Name: r.Provider, Mailbox: "security", Host: house},
		To:      []message.Address{{Name: to.Name, Mailbox: local, Host: domain}},
		Subject: n.Subject, Date: r.Now(), MessageID: messageID, Plain: n.Text,
		// RFC 3834, 5: nothing answers a notice by itself.
		Header: [][2]string{{"Auto-Submitted", "auto-generated"}, {"Content-Language", n.Locale}},
	}.Bytes()
}

func cut(address string) (local, domain string, ok bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || at == len(address)-1 {
		return "", "", false
	}
	return address[:at], address[at+1:], true
}

// nobody is the sender of what no customer sends.
const nobody = postern.AccountID("00000000000000000000000000000000")

// Try sends a notice to an address that is no customer's business: a test.
func (r Readers) Try(ctx context.Context, address string, n notify.NoticeMail) error {
	raw, err := r.letter(notify.Person{Address: address, Name: address}, n, r.House, "<test-"+postern.NewID()+"@"+r.Hostname+">")
	if err != nil {
		return err
	}
	return r.Queue.Submit(ctx, nobody, "", []string{address}, raw)
}

// Seen says which of these notices were looked at in the mailbox.
func (r Readers) Seen(ctx context.Context, notices []notify.NoticeMail) ([]bool, error) {
	seen := make([]bool, len(notices))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, n := range notices {
		g.Go(func() (err error) {
			seen[i], err = r.Mail.Seen(gctx, n.Account, r.messageID(n.ID, n.Version))
			return err
		})
	}
	return seen, g.Wait()
}

// Guarded gives those of an account's messages that open other doors.
func (r Readers) Guarded(ctx context.Context, a postern.AccountID, ids []postern.MessageID) ([]postern.MessageID, error) {
	return r.Mail.Guarded(ctx, a, ids)
}

// Forwards says whether an account's rules send its mail elsewhere.
func (r Readers) Forwards(ctx context.Context, a postern.AccountID) (bool, error) {
	list, err := r.Mail.Rules().Of(ctx, a)
	if err != nil {
		return false, errors.Join(errors.New("couldn't read an account's rules"), err)
	}
	for _, one := range list {
		if one.Active && len(one.Forwards()) > 0 {
			return true, nil
		}
	}
	return false, nil
}
