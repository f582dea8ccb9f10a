package smtpd_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/blob"
	"github.com/postern-mail/postern/mail/smtpd"
	"github.com/postern-mail/postern/testkit/engine"
)

// disk is the blobs' disk with a bad day: before is asked ahead of each Put, by
// number.
type disk struct {
	blob.Store
	mu     sync.Mutex
	puts   int
	before func(ctx context.Context, n int) error
}

func (d *disk) Put(ctx context.Context, name blob.Name, b []byte) error {
	d.mu.Lock()
	d.puts++
	n := d.puts
	d.mu.Unlock()
	if err := d.before(ctx, n); err != nil {
		return err
	}
	return d.Store.Put(ctx, name, b)
}

func TestAFailingDiskIsTriedAgainAndLosesNothing(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		err          error
	}{
		{"full", "452 4.3.1", &postern.Error{Kind: postern.Unavailable, Key: "error.disk-full", Text: "the disk is full"}},
		{"broken", "451 4.3.0", errors.New("input/output error")},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &disk{before: func(_ context.Context, n int) error {
				if n%2 == 1 {
					return c.err
				}
				return nil
			}}
			h := newHouseOn(t, engine.SQLite(t), d, nil)
			kept := 0
			for i := range 6 {
				err := h.send("ana@outlook.example", fmt.Sprintf("Subject: %d\r\n\r\nx\r\n", i))
				switch {
				case err == nil:
					kept++
				case !strings.HasPrefix(err.Error(), c.answer[:3]+" ") || !strings.Contains(err.Error(), c.answer[4:]):
					t.Errorf("message %d: %v, wanted %s", i, err, c.answer)
				}
			}
			if got := h.inbox(t, h.ana, "INBOX"); kept != 3 || len(got) != kept {
				t.Errorf("%d were answered 250 and %d are kept", kept, len(got))
			}
		})
	}
}

// One of two recipients cannot be kept: neither is, and the sender is told.
func TestRecipientsAreKeptAllOrNone(t *testing.T) {
	d := &disk{before: func(_ context.Context, n int) error {
		if n == 2 {
			return errors.New("input/output error")
		}
		return nil
	}}
	h := newHouseOn(t, engine.SQLite(t), d, nil)
	h.play(t, strings.ReplaceAll(`D: smtp
S: 220
C: HELO c.example
S: 250
C: MAIL FROM:<a@b.example>
S: 250
C: RCPT TO:<ana@outlook.example>
S: 250
C: RCPT TO:<bo@outlook.example>
S: 250
C: DATA
S: 354
C: \r\nx\r\n.
S: 451 4.3.0
INBOX ana: 0
INBOX bo: 0`, "\r", `\r`))
}

func TestNo250BeforeTheDiskHasIt(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	d := &disk{before: func(context.Context, int) error {
		close(reached)
		<-release
		return nil
	}}
	h := newHouseOn(t, engine.SQLite(t), d, nil)
	c, r := h.upToTheDot(t)
	<-reached
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if line, err := r.ReadString('\n'); err == nil {
		t.Fatalf("the disk has nothing yet and the server says %q", line)
	}
	close(release)
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "250 ") {
		t.Fatalf("%q, %v", line, err)
	}
	if got := h.inbox(t, h.ana, "INBOX"); len(got) != 1 {
		t.Errorf("%d messages", len(got))
	}
}

func TestASlowDiskIsTriedAgain(t *testing.T) {
	d := &disk{before: func(ctx context.Context, _ int) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	h := newHouseOn(t, engine.SQLite(t), d, func(p *smtpd.Parts) { p.Limits.Keep = 20 * time.Millisecond })
	_, r := h.upToTheDot(t)
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "451 4.3.0 ") {
		t.Fatalf("%q, %v", line, err)
	}
	if got := h.inbox(t, h.ana, "INBOX"); len(got) != 0 {
		t.Errorf("%d messages", len(got))
	}
}

// upToTheDot sends a message and leaves the answer to its end unread.
func (h *house) upToTheDot(t *testing.T) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", h.smtp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	r := bufio.NewReader(c)
	for _, line := range []string{"HELO c.example\r\n", "MAIL FROM:<a@b.example>\r\n", "RCPT TO:<ana@outlook.example>\r\n", "DATA\r\n", "Subject: x\r\n\r\nx\r\n.\r\n"} {
		if answer, err := r.ReadString('\n'); err != nil || answer[0] > '3' {
			t.Fatalf("%q, %v", answer, err)
		}
		if _, err := c.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	return c, r
}

// The server closes while a message is on its way: it is taken, and those who
// wait are told to come back.
func TestAClosingServerTakesWhatIsOnItsWay(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	d := &disk{before: func(context.Context, int) error {
		close(reached)
		<-release
		return nil
	}}
	h := newHouseOn(t, engine.SQLite(t), d, nil)
	idle, err := net.Dial("tcp", h.smtp)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	_ = idle.SetDeadline(time.Now().Add(20 * time.Second))
	waiting := bufio.NewReader(idle)
	if line, err := waiting.ReadString('\n'); err != nil || !strings.HasPrefix(line, "220 ") {
		t.Fatalf("%q, %v", line, err)
	}
	_, r := h.upToTheDot(t)
	<-reached
	h.close()
	if line, err := waiting.ReadString('\n'); err != nil || !strings.HasPrefix(line, "421 4.3.2 ") {
		t.Errorf("%q, %v", line, err)
	}
	close(release)
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "250 ") {
		t.Errorf("%q, %v", line, err)
	}
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "421 4.3.2 ") {
		t.Errorf("%q, %v", line, err)
	}
	if got := h.inbox(t, h.ana, "INBOX"); len(got) != 1 {
		t.Errorf("%d messages", len(got))
	}
}

func TestAFrozenAccountReceivesAndDoesNotSend(t *testing.T) {
	h := newHouse(t, engine.SQLite(t), nil)
	if err := h.mail.Freeze(t.Context(), h.ana.ID, true); err != nil {
		t.Fatal(err)
	}
	if err := h.send("ana@outlook.example", "Subject: x\r\n\r\nx\r\n"); err != nil {
		t.Error(err)
	}
	if got := h.inbox(t, h.ana, "INBOX"); len(got) != 1 {
		t.Errorf("%d messages", len(got))
	}
	h.play(t, "D: submission\nS: 220\nC: HELO c.example\nS: 250\nC: AUTH PLAIN AGFuYUBvdXRsb29rLmV4YW1wbGUAY29ycmVjdCBob3JzZSBiYXR0ZXJ5\nS: 535 5.7.8")
}

func TestMemoryForMessagesIsBounded(t *testing.T) {
	h := newHouse(t, engine.SQLite(t), func(p *smtpd.Parts) { p.Limits.Memory = 1000 })
	err := h.send("ana@outlook.example", "Subject: x\r\n\r\n"+strings.Repeat("x", 2000)+"\r\n")
	if err == nil || !strings.HasPrefix(err.Error(), "452 ") {
		t.Errorf("2,000 bytes: %v", err)
	}
	for range 3 { // what was held has been given back
		if err := h.send("ana@outlook.example", "Subject: x\r\n\r\n"+strings.Repeat("x", 500)+"\r\n"); err != nil {
			t.Errorf("500 bytes: %v", err)
		}
	}
}
