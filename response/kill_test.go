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
	"sync/atomic"
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
	"github.com/postern-mail/postern/response/scope"
	"github.com/postern-mail/postern/staff"
)

// The variables by which this test binary becomes a sender that is killed.
const (
	envDirectory = "RESPONSE_TEST_DIRECTORY"
	envIncident  = "RESPONSE_TEST_INCIDENT"
	envKillAt    = "RESPONSE_TEST_KILL_AT"
	envDrafter   = "RESPONSE_TEST_DRAFTER"
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
// after each delivery, and whenever somebody asks for the time, which the office
// does before each write.
type reaper struct{ left atomic.Int64 }

func (r *reaper) step() {
	if r.left.Add(-1) == 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
}

// fileBoxes are mailboxes that outlive a process: one file for each notice that
// was delivered. A handful is no transaction here, so a death in the middle of
// one leaves a part of it delivered.
type fileBoxes struct {
	*mailboxes
	dir string
	*reaper
}

func (b fileBoxes) People(_ context.Context, ids []postern.AccountID) (map[postern.AccountID]notify.Person, error) {
	b.step()
	people := map[postern.AccountID]notify.Person{}
	for _, a := range ids {
		people[a] = notify.Person{Address: "somebody@outlook.example", Locale: "en"}
	}
	return people, nil
}

func (b fileBoxes) Guarded(context.Context, postern.AccountID, []postern.MessageID) ([]postern.MessageID, error) {
	b.step()
	return nil, nil
}

func (b fileBoxes) DeliverAll(_ context.Context, all []notify.NoticeMail) ([]error, error) {
	for _, n := range all {
		b.step()
		f, err := os.OpenFile(filepath.Join(b.dir, fmt.Sprintf("%s %s %d", n.Account, n.ID, n.Version)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		_, err = f.WriteString(n.Text)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	b.step()
	return make([]error, len(all)), nil
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
	boxes := &mailboxes{now: now}
	parts, err := assemble(ctx, staffPlane, responsePlane, keys, policy.Standing(), boxes, now)
	if err != nil {
		return err
	}
	r := new(reaper)
	r.left.Store(int64(n))
	parts.Controls, parts.NoticesAtOnce = fileBoxes{boxes, filepath.Join(dir, "boxes"), r}, killAtOnce
	parts.Now = func() time.Time { r.step(); return now() }
	centre, err := response.Open(ctx, parts)
	if err != nil {
		return err
	}
	if by := os.Getenv(envDrafter); by != "" {
		return draft(ctx, centre, postern.StaffID(by), id)
	}
	_, err = centre.Send(ctx, id)
	return err
}

// draft writes the version, or goes on with it.
func draft(ctx context.Context, centre *response.Response, by postern.StaffID, id postern.IncidentID) error {
	switch b, err := centre.Batch(ctx, id); {
	case postern.KindOf(err) == postern.NotFound:
		if _, err := centre.Draft(ctx, staff.Session{Staff: by, Name: "Lea", Roles: []staff.Role{staff.Responder}}, id); err != nil {
			return err
		}
	case err != nil || b.State == notify.BatchDraft:
		return err
	}
	return centre.GoOn(ctx)
}

// killAtOnce is how many notices the killed processes take at once: so few that
// the people of a small incident make several handfuls.
const killAtOnce = 2

// TestKilledNoticesReachEverybodyOnce kills the process that writes the notices
// with SIGKILL at its first step, then the next one at its second, and so on until
// one comes to the end; then the same with the process that sends them. Nobody is
// told twice, nobody is missing, neither among what was written, nor in the
// mailboxes, nor in the ledger.
func TestKilledNoticesReachEverybodyOnce(t *testing.T) {
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
	thief := w.signIn(w.noor, elsewhere)
	for range 4 {
		more := w.account("en")
		w.looks(thief, more, postern.TierEnvelope, message())
		affected = append(affected, more)
	}
	_, err := w.Scope(ctx, b.lea, b.incident.ID, scope.Selector{Staff: []postern.StaffID{w.paul.ID, w.noor.ID}})
	w.must(err)
	affected = append(affected, b.dan)
	kill := func(least int, env ...string) {
		t.Helper()
		killed := 0
		for n := 1; ; n++ {
			if n > 200 {
				t.Fatal("no process comes to the end")
			}
			c := exec.Command(os.Args[0])
			c.Env = append(append(os.Environ(), envDirectory+"="+dir, envIncident+"="+string(b.incident.ID), envKillAt+"="+strconv.Itoa(n)), env...)
			out, err := c.CombinedOutput()
			if err == nil {
				break
			}
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("process %d: %v: %s", n, err, out)
			}
			killed++
		}
		if killed < least {
			t.Errorf("only %d processes were killed: the steps are not all covered", killed)
		}
	}
	w.sequence()
	w.stop()
	kill(5, envDrafter+"="+string(w.lea.ID)) // the version, and behind each of the first handfuls
	drafted, err := w.Batch(ctx, b.incident.ID)
	w.must(err)
	if drafted.State != notify.BatchDraft || drafted.Counts.Due != len(affected) || drafted.Looked != len(affected) || drafted.Counts.Languages["en"] != len(affected) {
		t.Errorf("the draft is %+v", drafted)
	}
	w.must(w.Approve(ctx, b.max, b.incident.ID))
	kill(8) // claimed, between and behind the mailboxes, before the ledger, before "sent", before the end

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
	if err != nil || report.Sent != len(affected) || report.Due+report.Sending+report.Failed != 0 {
		t.Errorf("the report is %+v, %v", report, err)
	}
}
