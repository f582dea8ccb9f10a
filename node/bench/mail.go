package bench

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-smtp"

	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/message/archive"
	"github.com/postern-mail/postern/node"
)

// letter is a message of about size bytes.
func letter(i, size int) []byte {
	head := fmt.Sprintf("From: Bench <bench%d@elsewhere.example>\r\nTo: person@bench.example\r\nSubject: Message number %d of the bench\r\nDate: Thu, 14 May 2026 09:30:00 +0000\r\nMessage-ID: <%d@elsewhere.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", i, i, i)
	line := "The quick brown fox jumps over the lazy dog, and the dog does not mind at all.\r\n"
	return []byte(head + strings.Repeat(line, max(1, (size-len(head))/len(line))))
}

// mails measures SMTP and IMAP from outside.
func mails(ctx context.Context, n *node.Node, _ string, o Options) error {
	const secret = "bench password"
	_, err := n.Accounts.Create(ctx, account.New{Address: "person@bench.example", Name: "Person", Locale: "en", Password: secret})
	if err != nil {
		return err
	}
	addresses := map[string]string{}
	for _, at := range n.Addresses() {
		addresses[at.Name] = strings.TrimPrefix(at.URL, strings.ToLower(at.Name)+"://")
	}
	f, err := receive(ctx, addresses["SMTP"], o.For)
	if err != nil {
		return err
	}
	o.Each(f)
	const many = 10_000
	b, err := n.Accounts.Create(ctx, account.New{Address: "reader@bench.example", Name: "Reader", Locale: "en", Password: secret})
	if err != nil {
		return err
	}
	_, err = n.Mail.Import(ctx, b.ID, func(each func(archive.Entry) error) error {
		for i := range many {
			if err := each(archive.Entry{Raw: letter(i, 7<<10), Received: n.Now()}); err != nil {
				return err
			}
		}
		return nil
	}, mail.ImportOptions{})
	if err != nil {
		return err
	}
	f, err = list(addresses["IMAP"], "reader@bench.example", secret, many)
	if err != nil {
		return err
	}
	o.Each(f)
	return nil
}

// receive has ten sessions send messages of 4 KiB; each is durable at its 250.
func receive(ctx context.Context, address string, long time.Duration) (Figure, error) {
	const sessions = 10
	var sent atomic.Int64
	errs := make(chan error, sessions)
	body := letter(1, 4<<10)
	begun := time.Now()
	var all sync.WaitGroup
	for range sessions {
		all.Go(func() {
			c, err := smtp.Dial(address)
			if err != nil {
				errs <- err
				return
			}
			defer c.Close()
			for time.Since(begun) < long && ctx.Err() == nil {
				if err := c.SendMail("bench@elsewhere.example", []string{"person@bench.example"}, bytes.NewReader(body)); err != nil {
					errs <- err
					return
				}
				sent.Add(1)
			}
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		return Figure{}, err
	default:
	}
	return Figure{Name: "messages accepted over SMTP, 10 sessions, 4 KiB, durable", Value: float64(sent.Load()) / time.Since(begun).Seconds(), Unit: "/s", Bar: "Cyrus LMTP 1,131/s, Dovecot LMTP 766/s (another run)"}, nil
}

// list fetches the envelopes of a mailbox, three times, and gives the median.
func list(address, user, secret string, many int) (Figure, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return Figure{}, err
	}
	c := imapclient.New(conn, nil)
	defer c.Close()
	if err := c.Login(user, secret).Wait(); err != nil {
		return Figure{}, err
	}
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		return Figure{}, err
	}
	var took []time.Duration
	for range 3 {
		begun := time.Now()
		var all imap.SeqSet
		all.AddRange(1, 0)
		got, err := c.Fetch(all, &imap.FetchOptions{Envelope: true}).Collect()
		if err != nil {
			return Figure{}, err
		}
		if len(got) != many {
			return Figure{}, fmt.Errorf("%d envelopes of %d", len(got), many)
		}
		took = append(took, time.Since(begun))
	}
	return Figure{Name: "IMAP ENVELOPE of 10,000 messages, this library's client included", Value: float64(many) / (percentile(took, 50) / 1000), Unit: "messages/s", P50: percentile(took, 50), Bar: "Dovecot 108,700/s (another run, another client)"}, nil
}
