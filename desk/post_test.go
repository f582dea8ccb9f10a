package desk_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit/engine"
)

// mailer keeps letters in memory.
type mailer struct {
	mu   sync.Mutex
	sent []desk.Letter
	fail bool
}

func (m *mailer) Reply(_ context.Context, l desk.Letter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail {
		return errors.New("the disk is full")
	}
	m.sent = append(m.sent, l)
	return nil
}

func (m *mailer) all() []desk.Letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sent
}

// shelf is a mailbox that survives a kill: a file per letter, made whole or not
// at all, as the mail plane's append by Message-ID is.
type shelf string

func (s shelf) Reply(_ context.Context, l desk.Letter) error {
	f, err := os.OpenFile(filepath.Join(string(s), l.ID), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		os.Stdout.WriteString("again\n")
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(l.Text)
	os.Stdout.WriteString("delivered\n")
	return err
}

// killedEnv names the data directory to the child of the kill test.
const killedEnv = "POSTERN_TEST_KILLED_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedEnv); dir != "" {
		if err := deliverUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func deliverUntilKilled(dir string) error {
	handle, err := open.SQLite(ctx, dir, open.Staff)
	if err != nil {
		return err
	}
	c := &clock{t: testTime.AddDate(0, 0, 1)}
	quiet := slog.New(slog.DiscardHandler)
	keys, err := ledger.NewKeys("mx.example.org/ledger")
	if err != nil {
		return err
	}
	book, err := ledger.Open(ctx, ledger.Parts{DB: handle, Keys: keys, Origin: "mx.example.org/ledger", Node: "a", Now: c.now, Log: quiet})
	if err != nil {
		return err
	}
	directory, err := staff.Open(ctx, staff.Parts{DB: handle, Now: c.now, Log: quiet})
	if err != nil {
		return err
	}
	cases, err := desk.OpenCases(ctx, desk.CasesParts{DB: handle, Now: c.now})
	if err != nil {
		return err
	}
	g, err := gate.Open(ctx, gate.Parts{DB: handle, Ledger: book, Staff: directory, Mailboxes: &plane{}, Cases: cases, Policy: policy.Default(), Now: c.now, Log: quiet, Node: "a"})
	if err != nil {
		return err
	}
	d, err := desk.Open(ctx, desk.Parts{Cases: cases, Gate: g, Staff: directory, Now: c.now, Log: quiet, Post: shelf(filepath.Join(dir, "shelf"))})
	if err != nil {
		return err
	}
	for {
		n, err := d.Deliver(ctx)
		if err != nil {
			return err
		}
		if n == 0 {
			os.Stdout.WriteString("done\n")
			return nil
		}
	}
}

// TestRepliesSurviveAKill kills the sender again and again: every reply arrives
// once, and no note does.
func TestRepliesSurviveAKill(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "shelf"), 0o700); err != nil {
		t.Fatal(err)
	}
	const letters = 60
	func() {
		handle, err := open.SQLite(ctx, dir, open.Staff)
		if err != nil {
			t.Fatal(err)
		}
		h := newHouse(t, engine.Open(func(open.Plane) *dbHandle { return handle }))
		s := h.signIn("noor")
		c := h.openCase("Mail is gone")
		for i := range letters {
			h.ok(h.desk.Note(ctx, s, c.ID, fmt.Sprintf("note %d", i)))
			h.ok(h.desk.Reply(ctx, s, c.ID, fmt.Sprintf("reply %d", i)))
		}
		h.ok(handle.Close())
	}()
	for round, ended := 0, false; !ended && round < 20; round++ {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), killedEnv+"="+dir)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if lines.Text() == "done" {
				ended = true
			}
			if n == 7+round && !ended {
				_ = child.Process.Kill() // SIGKILL; it may have ended
				break
			}
		}
		_ = child.Wait()
	}
	found, err := os.ReadDir(filepath.Join(dir, "shelf"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, f := range found {
		text, err := os.ReadFile(filepath.Join(dir, "shelf", f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		seen[string(text)]++
	}
	for i := range letters {
		if n := seen[fmt.Sprintf("reply %d", i)]; n != 1 {
			t.Errorf("reply %d arrived %d times", i, n)
		}
	}
	for text := range seen {
		if strings.HasPrefix(text, "note") {
			t.Errorf("a note was sent: %s", text)
		}
	}
}
