package smtpd_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/blob"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/mail/queue"
	"github.com/postern-mail/postern/mail/smtpd"
	"github.com/postern-mail/postern/password"
	"github.com/postern-mail/postern/testkit/engine"
)

// house is a mail plane with two customers and both doors open.
type house struct {
	mail       *mail.Mail
	accounts   *account.Accounts
	queue      *queue.Queue
	db         *db.Handle
	server     *smtpd.Server
	ana, bo    account.Account
	smtp       string // addresses of the doors
	submission string
	close      func()
}

const secret = "correct horse battery"

func newHouse(t testing.TB, opened engine.Open, change func(*smtpd.Parts)) *house {
	t.Helper()
	return newHouseOn(t, opened, nil, change)
}

// newHouseOn has blobs on a disk of its own kind.
func newHouseOn(t testing.TB, opened engine.Open, d *disk, change func(*smtpd.Parts)) *house {
	t.Helper()
	ctx := t.Context()
	now := func() time.Time { return time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC) }
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	h := &house{db: opened(open.Mail)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	h.accounts, err = account.Open(ctx, account.Parts{DB: h.db, Now: now, Log: log, Cost: password.Cheap()})
	must(err)
	var blobs blob.Store
	blobs, err = blob.OpenDisk(filepath.Join(t.TempDir(), "blobs"))
	must(err)
	if d != nil {
		d.Store, blobs = blobs, d
	}
	key := ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", 32)))
	h.mail, err = mail.Open(ctx, mail.Parts{DB: h.db, Blobs: blobs, Accounts: h.accounts, ReceiptKey: key.Public().(ed25519.PublicKey), Now: now, Log: log})
	must(err)
	h.queue, err = queue.Open(ctx, queue.Parts{DB: h.db, Mail: h.mail, Accounts: h.accounts, Hostname: "mx.outlook.example", Outbound: "hold", Now: now, Log: log})
	must(err)
	h.ana, err = h.accounts.Create(ctx, account.New{Address: "ana@outlook.example", Name: "Ana", Locale: "fr", Password: secret, QuotaBytes: 1 << 40})
	must(err)
	h.bo, err = h.accounts.Create(ctx, account.New{Address: "bo@outlook.example", Name: "Bo", Locale: "en", Password: secret, QuotaBytes: 1 << 40})
	must(err)
	parts := smtpd.Parts{Mail: h.mail, Accounts: h.accounts, Queue: h.queue, Hostname: "mx.outlook.example", MaxSize: 20_000, Limits: smtpd.Limits{Recipients: 3}, Now: now, Log: log}
	if change != nil {
		change(&parts)
	}
	h.server = smtpd.Open(parts)
	serving, cancel := context.WithCancel(context.Background())
	h.close = cancel
	ended := make(chan error, 2)
	for _, door := range []struct {
		address    *string
		submission bool
	}{{&h.smtp, false}, {&h.submission, true}} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(err)
		*door.address = l.Addr().String()
		go func() { ended <- h.server.Serve(serving, l, door.submission) }()
	}
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Errorf("a door: %v", err)
			}
		}
	})
	return h
}

// inbox gives the messages of an account's mailbox of a role, oldest first.
func (h *house) inbox(t testing.TB, a account.Account, name string) (raws []string) {
	t.Helper()
	s := h.mail.Store()
	mb, err := s.MailboxByName(t.Context(), a.ID, name)
	if err != nil {
		return nil
	}
	var items []store.Item
	err = s.Items(t.Context(), a.ID, mb.ID, store.All(), store.Identity, func(it *store.Item) error { items = append(items, *it); return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range items {
		_, raw, err := s.Message(t.Context(), a.ID, it.ID)
		if err != nil {
			t.Fatal(err)
		}
		raws = append(raws, string(raw))
	}
	return raws
}

// The scripts of testdata/*.dialog: "C: " is what the client sends (Go escapes,
// CR LF added unless the line ends in \), "S: " is how each answer line must
// begin, "S: EOF" that the server has gone. "D: name" picks the door, and
// "INBOX name: N" at the end counts what has arrived since the beginning, "QUEUE
// name: N" what has begun to wait.
func TestDialogs(t *testing.T) {
	files, err := filepath.Glob("testdata/*.dialog")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogs: %v", err)
	}
	h := newHouse(t, engine.SQLite(t), nil)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".dialog"), func(t *testing.T) {
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			h.play(t, string(script))
		})
	}
}

func (h *house) play(t *testing.T, script string) {
	t.Helper()
	count := func(what, who string) int {
		t.Helper()
		a := map[string]account.Account{"ana": h.ana, "bo": h.bo}[who]
		if what == "INBOX" {
			return len(h.inbox(t, a, "INBOX"))
		}
		n, err := h.queue.Waiting(t.Context(), a.ID)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	began := map[string]int{}
	for _, what := range []string{"INBOX", "QUEUE"} {
		for _, who := range []string{"ana", "bo"} {
			began[what+" "+who] = count(what, who)
		}
	}
	var conn net.Conn
	var answers *bufio.Reader
	dial := func(door string) {
		t.Helper()
		c, err := net.Dial("tcp", map[string]string{"smtp": h.smtp, "submission": h.submission}[door])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		conn, answers = c, bufio.NewReader(c)
	}
	for n, line := range strings.Split(script, "\n") {
		at := fmt.Sprintf("line %d", n+1)
		kind, rest, _ := strings.Cut(line, ": ")
		switch {
		case line == "" || line[0] == '#':
		case kind == "D":
			dial(rest)
		case kind == "C" || line == "C:":
			text := rest
			if line == "C:" {
				text = ""
			}
			end := "\r\n"
			if cut, ok := strings.CutSuffix(text, `\`); ok {
				text, end = cut, ""
			}
			text, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
			if err != nil {
				t.Fatalf("%s: %v", at, err)
			}
			if _, err := io.WriteString(conn, text+end); err != nil {
				t.Fatalf("%s: %v", at, err)
			}
		case line == "S: EOF":
			if b, err := answers.ReadByte(); err == nil {
				more, _ := answers.ReadString('\n')
				t.Fatalf("%s: the server is still there and says %q", at, string(b)+more)
			}
		case kind == "S":
			got, err := answers.ReadString('\n')
			if err != nil {
				t.Fatalf("%s: wanted %q: %v", at, rest, err)
			}
			if !strings.HasPrefix(got, rest) {
				t.Fatalf("%s: the server says %q, wanted %q", at, got, rest)
			}
			if !strings.HasSuffix(got, "\r\n") {
				t.Errorf("%s: an answer without CR LF: %q", at, got)
			}
		case strings.HasPrefix(kind, "INBOX "), strings.HasPrefix(kind, "QUEUE "):
			what, who, _ := strings.Cut(kind, " ")
			got := count(what, who) - began[kind]
			if strconv.Itoa(got) != rest {
				t.Errorf("%s: %d messages, wanted %s", at, got, rest)
			}
		default:
			t.Fatalf("%s: %q is no line of a dialog", at, line)
		}
	}
}
