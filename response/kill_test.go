package response_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/response"
	"github.com/postern-mail/postern/response/notify"
)

// The variables by which this test binary becomes a sender that is killed.
const (
	envDirectory = "RESPONSE_TEST_DIRECTORY"
	envIncident  = "RESPONSE_TEST_INCIDENT"
	envKillAt    = "RESPONSE_TEST_KILL_AT"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envDirectory); dir != "" {
		if err := sender(dir, postern.IncidentID(os.Getenv(envIncident)), os.Getenv(envKillAt)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// reaper kills its process at the n-th step that it is told of: before and
// after each delivery, and whenever the sender asks for the time, which it does
// before each write.
type reaper struct{ left int }

func (r *reaper) step() {
	if r.left--; r.left == 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
}

// fileBoxes are mailboxes that outlive a process: one file for each notice that
// was delivered, and a line for each attempt.
type fileBoxes struct {
	dir string
	*reaper
}

func (b fileBoxes) Person(_ context.Context, a postern.AccountID) (notify.Person, error) {
	return notify.Person{Address: "somebody@outlook.example", Locale: "en"}, nil
}

func (b fileBoxes) Deliver(_ context.Context, a postern.AccountID, n notify.NoticeMail) error {
	b.step()
	f, err := os.OpenFile(filepath.Join(b.dir, fmt.Sprintf("%s %s %d", a, n.ID, n.Version)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		b.step()
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(n.Text)
	err = errors.Join(err, f.Close())
	b.step()
	return err
}

// sender is the process that is killed.
func sender(dir string, id postern.IncidentID, killAt string) error {
	ctx := context.Background()
	n, err := strconv.Atoi(killAt)
	if err != nil {
		return err
	}
	staffPlane, err := open.SQLite(ctx, dir, open.Staff)
	if err != nil {
		return err
	}
	responsePlane, err := open.SQLite(ctx, dir, open.Response)
	if err != nil {
		return err
	}
	keys, err := ledger.LoadKeys(filepath.Join(dir, "keys"), logName)
	if err != nil {
		return err
	}
	now := func() time.Time { return time.Date(2026, 5, 14, 10, 0, 0, 0, time.UTC) }
	parts, err := assemble(ctx, staffPlane, responsePlane, keys, policy.Standing(), &mailboxes{now: now}, now)
	if err != nil {
		return err
	}
	r := &reaper{left: n}
	parts.Controls = fileBoxes{filepath.Join(dir, "boxes"), r}
	parts.Now = func() time.Time { r.step(); return now() }
	centre, err := response.Open(ctx, parts)
	if err != nil {
		return err
	}
	_, err = centre.Send(ctx, id)
	return err
}

// TestKilledSenderTellsEverybodyOnce kills a sending process with SIGKILL at its
// first step, then the next one at its second, and so on until one comes to the
// end. Nobody is told twice, nobody is missing, neither in the mailboxes nor in
// the ledger.
func TestKilledSenderTellsEverybodyOnce(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	boxes := filepath.Join(dir, "boxes")
	if err := os.Mkdir(boxes, 0o700); err != nil {
		t.Fatal(err)
	}
	w := newWorldWith(t, func(p open.Plane) *db.Handle {
		h, err := open.SQLite(ctx, dir, p)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() })
		return h
	}, func() (ledger.Keys, error) { return ledger.LoadKeys(filepath.Join(dir, "keys"), logName) })
	b := w.breach()
	affected := []postern.AccountID{b.ana, b.bob, b.cleo}
	_, err := w.Draft(ctx, b.lea, b.incident.ID)
	w.must(err)
	w.must(w.Approve(ctx, b.max, b.incident.ID))
	w.sequence()
	w.stop()

	killed := 0
	for n := 1; ; n++ {
		if n > 200 {
			t.Fatal("no sender comes to the end")
		}
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), envDirectory+"="+dir, envIncident+"="+string(b.incident.ID), envKillAt+"="+strconv.Itoa(n))
		out, err := c.CombinedOutput()
		if err == nil {
			break
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("sender %d: %v: %s", n, err, out)
		}
		killed++
	}
	if killed < 6 { // claimed, before and after the mailbox, before the ledger, before "sent", before the end
		t.Errorf("only %d senders were killed: the steps are not all covered", killed)
	}
	files, err := os.ReadDir(boxes)
	w.must(err)
	told := map[string]int{}
	for _, f := range files {
		account, _, _ := strings.Cut(f.Name(), " ")
		told[account]++
	}
	for _, a := range affected {
		written, err := w.ledger.Find(ctx, ledger.Filter{Account: a})
		w.must(err)
		notices := 0
		for _, e := range written {
			if e.Control != nil && e.Control.Kind == verify.ControlNotice {
				notices++
			}
		}
		if told[string(a)] != 1 || notices != 1 {
			t.Errorf("an affected account: %d in the mailbox, %d in the ledger", told[string(a)], notices)
		}
	}
	if len(told) != len(affected) {
		t.Errorf("%d accounts were told, %d are affected", len(told), len(affected))
	}
	report, err := w.Send(ctx, b.incident.ID)
	if err != nil || report.Sent != 3 || report.Due+report.Sending+report.Failed != 0 {
		t.Errorf("the report is %+v, %v", report, err)
	}
}
