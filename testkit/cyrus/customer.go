package cyrus

import (
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
)

// as runs f on a connection that is signed in as the user and may write.
func (s *Server) as(t testing.TB, name string, f func(*imapclient.Client)) {
	t.Helper()
	c, err := imapclient.DialInsecure(s.feed, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Authenticate(sasl.NewPlainClient(name, feeder, MasterPassword)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	f(c)
}

// Named is how the server calls a mailbox of the user's own.
func (s *Server) Named(mailbox string) string {
	if mailbox != "INBOX" && s.options.Namespace == "" {
		return "INBOX." + mailbox
	}
	return mailbox
}

// Put keeps a message as the user would, and makes the mailbox.
func (s *Server) Put(t testing.TB, name, mailbox string, raw []byte, at time.Time) {
	t.Helper()
	mailbox = s.Named(mailbox)
	s.as(t, name, func(c *imapclient.Client) {
		if mailbox != "INBOX" {
			_ = c.Create(mailbox, nil).Wait() // it may be there
		}
		a := c.Append(mailbox, int64(len(raw)), &imap.AppendOptions{Time: at})
		if _, err := a.Write(raw); err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Wait(); err != nil {
			t.Fatal(err)
		}
	})
}

// Share lets another user do everything in a mailbox, INBOX or Kept.
func (s *Server) Share(t testing.TB, name, mailbox, with string) {
	t.Helper()
	s.as(t, name, func(c *imapclient.Client) {
		if err := c.SetACL(s.Named(mailbox), imap.RightsIdentifier(with), imap.RightModificationReplace, imap.RightSet("lrswipkxtea")).Wait(); err != nil {
			t.Fatal(err)
		}
	})
}

// Flags lists the flags of the user's messages, one message each. A message
// that no client ever opened a mailbox to see is \Recent (RFC 3501, 2.3.2).
func (s *Server) Flags(t testing.TB, name string) (all [][]imap.Flag) {
	t.Helper()
	s.as(t, name, func(c *imapclient.Client) {
		list, err := c.List("", "*", nil).Collect()
		if err != nil {
			t.Fatal(err)
		}
		for _, box := range list {
			open, err := c.Select(box.Mailbox, &imap.SelectOptions{ReadOnly: true}).Wait()
			if err != nil {
				t.Fatal(err)
			}
			if open.NumMessages == 0 {
				continue
			}
			messages, err := c.Fetch(imap.SeqSet{{Start: 1, Stop: open.NumMessages}}, &imap.FetchOptions{Flags: true}).Collect()
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range messages {
				slices.Sort(m.Flags)
				all = append(all, m.Flags)
			}
		}
	})
	return all
}
