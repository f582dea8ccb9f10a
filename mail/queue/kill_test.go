package queue_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/mail/queue"
)

// The child of the kill test finds its data directory and its smarthost here.
const (
	killedDir  = "POSTERN_TEST_KILLED_DIR"
	killedHost = "POSTERN_TEST_KILLED_SMARTHOST"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedDir); dir != "" {
		if err := submitUntilKilled(dir, os.Getenv(killedHost)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// reopened is a house on a directory that may have one already.
func reopened(ctx context.Context, dir, smarthost string) (*house, *db.Handle, error) {
	handle, err := open.SQLite(ctx, dir, open.Mail)
	if err != nil {
		return nil, nil, err
	}
	h := &house{}
	p, err := parts(ctx, h, handle, filepath.Join(dir, "blobs"))
	if err != nil {
		return nil, nil, err
	}
	p.Outbound = "smarthost:" + smarthost
	if h.queue, err = queue.Open(ctx, p); err != nil {
		return nil, nil, err
	}
	h.ana, err = h.accounts.Create(ctx, account.New{Address: "ana@outlook.example", Name: "Ana", Locale: "en", QuotaBytes: 1 << 30})
	if postern.KindOf(err) == postern.Conflict {
		h.ana, err = h.accounts.ByAddress(ctx, "ana@outlook.example")
	}
	return h, handle, err
}

// submitUntilKilled sends messages while it submits more, and prints the name
// of each once Submit has returned.
func submitUntilKilled(dir, smarthost string) error {
	ctx := context.Background()
	h, _, err := reopened(ctx, dir, smarthost)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- h.queue.Run(ctx) }()
	for {
		select {
		case err := <-ended:
			return errors.Join(err, errors.New("the queue ended"))
		default:
		}
		id := postern.NewID()
		if err := h.queue.Submit(ctx, h.ana.ID, "ana@outlook.example", []string{id + "@elsewhere.example"}, []byte("Subject: "+id+"\r\n\r\nbody\r\n")); err != nil {
			return err
		}
		os.Stdout.WriteString(id + "\n")
	}
}

// A message is sent, perhaps twice, whenever the machine stops.
func TestNothingSubmittedIsLostInAKill(t *testing.T) {
	s := elsewhere(t)
	go func() { // nobody waits for single transactions here
		for range s.seen {
		}
	}()
	dir := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), killedDir+"="+dir, killedHost+"="+s.address)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if acknowledged = append(acknowledged, lines.Text()); len(acknowledged) == 40 {
			if err := child.Process.Kill(); err != nil { // SIGKILL
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // killed
	if len(acknowledged) < 40 {
		t.Fatalf("only %d submissions were acknowledged", len(acknowledged))
	}
	h, handle, err := reopened(t.Context(), dir, s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := handle.Close(); err != nil {
			t.Error(err)
		}
	})
	h.run(t)
	h.empty(t, h.ana)
	got := strings.Join(s.got(), "")
	for _, id := range acknowledged {
		if len(id) == 32 && !strings.Contains(got, "Subject: "+id+"\r\n") {
			t.Errorf("%s was acknowledged and never sent", id)
		}
	}
}
