package gate_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/staff"
)

const (
	tellDir   = "POSTERN_GATE_TEST_TELL"
	tellStage = "POSTERN_GATE_TEST_STAGE"
)

// files are INBOXes that outlive a process: a file for each thing told. It hangs
// before or after the delivery where it is to be killed.
type files struct{ dir, hang string }

func (f files) stop(ctx context.Context, stage string) {
	if f.hang == stage {
		fmt.Println("here")
		<-ctx.Done()
	}
}

func (f files) Tell(ctx context.Context, _ postern.AccountID, t gate.Told) error {
	f.stop(context.Background(), "before")
	file, err := os.OpenFile(filepath.Join(f.dir, "told "+t.Mark), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	f.stop(ctx, "after")
	return file.Close()
}

// TestKilledWhileTelling kills the process before and after the customer's mail
// was delivered: the next one tells it, and it is told once.
func TestKilledWhileTelling(t *testing.T) {
	if dir := os.Getenv(tellDir); dir != "" {
		tellAndHang(t, dir, os.Getenv(tellStage))
		return
	}
	for _, stage := range []string{"before", "after"} {
		t.Run(stage, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWhileTelling$")
			cmd.Env = append(os.Environ(), tellDir+"="+dir, tellStage+"="+stage)
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			reached := false
			for lines := bufio.NewScanner(out); !reached && lines.Scan(); {
				reached = lines.Text() == "here"
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // killed
			if !reached {
				t.Fatal("the child did not come to telling")
			}
			g := reopen(t, dir)
			told := 0
			for range 2 {
				n, err := g.Tell(ctx)
				if err != nil {
					t.Fatal(err)
				}
				told += n
			}
			found, err := filepath.Glob(filepath.Join(dir, "told *"))
			if err != nil || len(found) != 1 || told != 1 {
				t.Errorf("%d deliveries, noted %d times, %v", len(found), told, err)
			}
		})
	}
}

// reopen gives the gate of another process, a minute later.
func reopen(t *testing.T, dir string) *gate.Gate {
	t.Helper()
	handle, err := open.SQLite(ctx, dir, open.Staff)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { handle.Close() })
	now := func() time.Time { return time.Date(2026, 5, 14, 10, 0, 0, 0, time.UTC) }
	keys, err := ledger.LoadKeys(dir, origin)
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(ctx, ledger.Parts{DB: handle, Keys: keys, Origin: origin, Node: "b", Now: now, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	people, err := staff.Open(ctx, staff.Parts{DB: handle, Now: now, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	cases, err := desk.OpenCases(ctx, desk.CasesParts{DB: handle, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	g, err := gate.Open(ctx, gate.Parts{DB: handle, Ledger: l, Staff: people, Mailboxes: &mailboxes{}, Cases: cases, Policy: policy.Default(),
		Teller: files{dir: dir}, Now: now, Log: quiet, Node: "b"})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func tellAndHang(t *testing.T, dir, stage string) {
	keys, err := ledger.LoadKeys(dir, origin)
	if err != nil {
		t.Fatal(err)
	}
	h := build(t, func(p open.Plane) *db.Handle {
		handle, err := open.SQLite(ctx, dir, p)
		if err != nil {
			t.Fatal(err)
		}
		return handle
	}, keys, func(p *gate.Parts) { p.Teller = files{dir, stage} })
	a, _, m := h.customer(2)
	if _, err := h.ledger.Sequence(ctx); err != nil {
		t.Fatal(err)
	}
	h.emergency(a, m[1])
	_, err = h.gate.Tell(ctx)
	t.Fatalf("nobody killed the child: %v", err)
}
