package smtpd_test

import (
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/mail/smtpd"
	"github.com/postern-mail/postern/testkit/engine"
)

var answer = regexp.MustCompile(`^[2-5][0-9][0-9][ -][^\r\n]+$`)

// FuzzConversation says anything to a door and holds it to this: it answers in
// lines of SMTP, it ends, and what it keeps has no line end but CR LF and is as
// many messages as it said 250 to.
func FuzzConversation(f *testing.F) {
	for _, s := range []string{
		"EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<ana@outlook.example>\r\nDATA\r\nSubject: x\r\n\r\n..x\r\n.\r\nQUIT\r\n",
		"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<ana@outlook.example>\r\nRCPT TO:<bo@outlook.example>\r\nDATA\r\nx\n.\r\n.\r\n",
		"EHLO [127.0.0.1]\r\nAUTH PLAIN AGFuYUBvdXRsb29rLmV4YW1wbGUAd3Jvbmc=\r\nMAIL FROM:<ana@outlook.example>\r\n",
		"EHLO a\r\nSTARTTLS\r\n\x16\x03\x01",
		"EHLO a\r\nMAIL FROM:<a@b.example> SIZE=99999999999999999999\r\nRSET\r\nNOOP\r\nVRFY x\r\n",
	} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	h := newHouse(f, engine.SQLite(f), func(p *smtpd.Parts) { p.Limits.PerHour = 1 << 30 })
	f.Fuzz(func(t *testing.T, in []byte, submission bool) {
		door := h.smtp
		if submission {
			door = h.submission
		}
		kept := len(h.inbox(t, h.ana, "INBOX")) + len(h.inbox(t, h.bo, "INBOX"))
		c, err := net.Dial("tcp", door)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		go func() {
			_, _ = c.Write(in)
			_ = c.(*net.TCPConn).CloseWrite()
		}()
		// A reset instead of an end is a server that has stopped listening.
		out, err := io.ReadAll(c)
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Fatalf("the conversation does not end: %q", out)
		}
		text := string(out)
		if err == nil && !strings.HasSuffix(text, "\r\n") {
			t.Fatalf("it ends in %q", text)
		}
		for _, line := range strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n") {
			if !answer.MatchString(line) && err == nil && line != "334 " {
				t.Fatalf("it answers %q", line)
			}
		}
		all := append(h.inbox(t, h.ana, "INBOX"), h.inbox(t, h.bo, "INBOX")...)
		if got := len(all) - kept; got < strings.Count(text, "250 2.0.0 kept as ") {
			t.Fatalf("%d messages are kept: %q", got, text)
		}
		for _, raw := range all {
			if plain := strings.ReplaceAll(raw, "\r\n", ""); strings.ContainsAny(plain, "\r\n\x00") {
				t.Fatalf("kept: %q", raw)
			}
		}
		h.empty(t)
	})
}

// empty takes the messages away again, or every round would read them all.
func (h *house) empty(t *testing.T) {
	t.Helper()
	for _, a := range []account.Account{h.ana, h.bo} {
		s := h.mail.Store()
		mb, err := s.MailboxByName(t.Context(), a.ID, "INBOX")
		if err != nil {
			continue // nothing has come yet
		}
		if _, err := s.Remove(t.Context(), a.ID, mb.ID, store.All()); err != nil {
			t.Fatal(err)
		}
	}
}
