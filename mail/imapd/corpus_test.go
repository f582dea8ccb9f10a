package imapd_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/testkit/engine"
)

// corpus is real mail where POSTERN_TEST_CORPUS names some, and always our own
// collection of breakages.
func corpus(t testing.TB) (messages [][]byte) {
	t.Helper()
	dirs := []string{filepath.Join("..", "..", "message", "testdata", "mail")}
	if dir := os.Getenv("POSTERN_TEST_CORPUS"); dir != "" {
		dirs = append(dirs, dir)
	}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if ext := filepath.Ext(path); err != nil || !d.Type().IsRegular() || ext != ".txt" && ext != ".eml" {
				return err
			}
			raw, err := os.ReadFile(path)
			messages = append(messages, raw)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, broken := range []string{
		"\r\n", "x", "\x00", "Subject: no body", "From \r\n\r\n", "Content-Type: multipart/mixed; boundary=a\r\n\r\nno parts",
		"Content-Type: message/rfc822\r\n\r\n", "Content-Type: multipart/mixed; boundary=\"\r\n\r\n", "From: a\r\nTo: b, c: d;\r\n\r\nx\nmixed\r\nlines",
		"Content-Type: multipart/digest; boundary=a\r\n\r\n--a\r\n\r\n--a--",
	} {
		messages = append(messages, []byte(broken))
	}
	return messages
}

// signIn gives the library's client, signed in with the mailbox selected.
func (h *house) signIn(t testing.TB, mailbox string) *imapclient.Client {
	t.Helper()
	c, err := imapclient.DialInsecure(h.addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Login(h.ana.Address, secret).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Select(mailbox, nil).Wait(); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCorpus fetches mail of every breakage: each message answers ENVELOPE and
// BODYSTRUCTURE in a form that a strict client reads, and comes back with the
// same bytes.
func TestCorpus(t *testing.T) {
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		h := newHouse(t, opened)
		messages := corpus(t)
		h.fill(t, messages)
		c := h.signIn(t, "INBOX")
		whole, header, text := &imap.FetchItemBodySection{Peek: true}, &imap.FetchItemBodySection{Peek: true, Specifier: imap.PartSpecifierHeader},
			&imap.FetchItemBodySection{Peek: true, Part: []int{1}}
		f := c.Fetch(imap.SeqSet{{Start: 1, Stop: 0}}, &imap.FetchOptions{UID: true, Envelope: true, RFC822Size: true, BodyStructure: &imap.FetchItemBodyStructure{Extended: true},
			BodySection: []*imap.FetchItemBodySection{whole, header, text}})
		n := 0
		for m := f.Next(); m != nil; m = f.Next() {
			got, err := m.Collect()
			if err != nil {
				t.Fatalf("message %d: %v", n+1, err)
			}
			raw := messages[got.UID-1]
			switch {
			case int(got.SeqNum) != n+1 || int(got.UID) != n+1:
				t.Fatalf("message %d is %d with UID %d", n+1, got.SeqNum, got.UID)
			case !bytes.Equal(got.FindBodySection(whole), raw) || got.RFC822Size != int64(len(raw)):
				t.Errorf("message %d has other bytes", n+1)
			case !bytes.Contains(raw, got.FindBodySection(header)) || !bytes.Contains(raw, got.FindBodySection(text)):
				t.Errorf("a section of message %d is not of it", n+1)
			case got.Envelope == nil || got.BodyStructure == nil:
				t.Errorf("message %d has no envelope or no structure", n+1)
			default:
				got.BodyStructure.Walk(func(path []int, p imap.BodyStructure) bool { return len(path) < 200 })
			}
			n++
		}
		if err := f.Close(); err != nil || n != len(messages) {
			t.Errorf("%d of %d messages: %v", n, len(messages), err)
		}
	})
}

// fill appends messages to INBOX, some hundreds in a transaction.
func (h *house) fill(t testing.TB, messages [][]byte) {
	t.Helper()
	for block := range slices.Chunk(messages, 500) {
		in := make([]store.AppendIn, len(block))
		for i, raw := range block {
			in[i] = store.AppendIn{Role: store.RoleInbox, Raw: raw}
		}
		if _, err := h.Store().AppendMany(context.Background(), h.ana.ID, in); err != nil {
			t.Fatal(err)
		}
	}
}
