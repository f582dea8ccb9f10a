package store_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/blob"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/mail/internal/store/storetest"
	"github.com/postern-mail/postern/testkit/engine"
)

const crashDir = "POSTERN_TEST_CRASH_DIR"

// TestMain is also the process that is killed: it delivers until then, and says
// of each delivery after it was acknowledged.
func TestMain(m *testing.M) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		// Enough for every run; -rapid.checks asks for more.
		if err := flag.Set("rapid.checks", "12"); err != nil {
			panic(err)
		}
		os.Exit(m.Run())
	}
	if err := deliverForever(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var crashAccounts = []postern.AccountID{"00000000000000000000000000000001", "00000000000000000000000000000002"}

func crashLetter(session, n int) []byte {
	return fmt.Appendf(nil, "Subject: %d-%d\r\n\r\n%s\r\n", session, n, strings.Repeat("x", n%5000))
}

func openCrash(dir string) (*store.Store, error) {
	h, err := open.SQLite(context.Background(), dir, open.Mail)
	if err != nil {
		return nil, err
	}
	blobs, err := blob.OpenDisk(filepath.Join(dir, "blobs"))
	if err != nil {
		return nil, err
	}
	return store.Open(context.Background(), store.Parts{DB: h, Blobs: blobs, Now: time.Now, Log: discard()})
}

func deliverForever(dir string) error {
	s, err := openCrash(dir)
	if err != nil {
		return err
	}
	failed := make(chan error)
	for session := range 4 {
		go func() {
			for n := 0; ; n++ {
				items, err := s.Deliver(context.Background(), crashAccounts, store.AppendIn{Role: store.RoleInbox, Raw: crashLetter(session, n)})
				if err != nil {
					failed <- err
					return
				}
				fmt.Printf("%d %d %s %s\n", session, n, items[0].ID, items[1].ID)
			}
		}()
	}
	return <-failed
}

// What was acknowledged before a kill -9 is there after it, with the same
// bytes, for every recipient; what was not is there for all or for none; and
// bytes without a row are swept.
func TestKilledWhileDelivering(t *testing.T) {
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	acknowledged := map[postern.MessageID][]byte{}
	for round := range 3 {
		cmd := exec.Command(exe, "-test.run=^$")
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			var session, number int
			var a, b postern.MessageID
			if _, err := fmt.Sscan(lines.Text(), &session, &number, &a, &b); err != nil {
				break // cut short by the kill
			}
			acknowledged[a], acknowledged[b] = crashLetter(session, number), crashLetter(session, number)
			if n == 20+7*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || stderr.Len() > 0 {
			t.Fatalf("the process was not killed: %v, %s", err, stderr.String())
		}
	}
	s, err := openCrash(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	rows := map[postern.AccountID]int{}
	for _, acc := range crashAccounts {
		m, err := s.MailboxByName(ctx, acc, "INBOX")
		if err != nil {
			t.Fatal(err)
		}
		err = s.Items(ctx, acc, m.ID, store.All(), store.Identity, func(it *store.Item) error {
			_, raw, err := s.Message(ctx, acc, it.ID)
			if want, ok := acknowledged[it.ID]; ok {
				if string(raw) != string(want) {
					t.Errorf("message %s has other bytes", it.ID)
				}
				delete(acknowledged, it.ID)
			}
			rows[acc]++
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if m.Total != rows[acc] {
			t.Errorf("the mailbox counts %d messages and has %d", m.Total, rows[acc])
		}
	}
	if len(acknowledged) > 0 {
		t.Errorf("%d acknowledged messages are gone", len(acknowledged))
	}
	if a, b := rows[crashAccounts[0]], rows[crashAccounts[1]]; a != b {
		t.Errorf("one recipient has %d messages, the other %d", a, b)
	}
}

// Bytes that a crash left without a row go after a while, and no others.
func TestOrphansAreSwept(t *testing.T) {
	ctx := context.Background()
	blobs := &storetest.Dir{Root: t.TempDir()}
	h := storetest.New(t, engine.SQLite(t)(open.Mail), blobs)
	acc := postern.AccountID(postern.NewID())
	it, err := h.Append(ctx, acc, store.AppendIn{Role: store.RoleInbox, Raw: []byte("Subject: x\r\n\r\n")})
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, age time.Duration) string {
		if err := blobs.Put(ctx, blob.Name(name), []byte("left")); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(blobs.Root, name)
		if err := os.Chtimes(file, time.Time{}, storetest.Now.Add(-age)); err != nil {
			t.Fatal(err)
		}
		return file
	}
	old := put(string(acc)+"/"+postern.NewID(), 2*time.Hour)
	young := put(string(acc)+"/"+postern.NewID(), time.Minute)
	foreign := put("not/ours", 2*time.Hour)
	if err := os.Chtimes(filepath.Join(blobs.Root, string(acc), string(it.ID)), time.Time{}, storetest.Now.Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	n, err := h.SweepOrphans(ctx)
	if err != nil || n != 1 {
		t.Errorf("%d swept, %v", n, err)
	}
	for file, want := range map[string]bool{old: false, young: true, foreign: true} {
		if _, err := os.Stat(file); (err == nil) != want {
			t.Errorf("%s: %v", file, err)
		}
	}
	if _, _, err := h.Message(ctx, acc, it.ID); err != nil {
		t.Errorf("the message's own bytes: %v", err)
	}
}

// The store of real houses lists what it holds, so that orphans go there too.
func TestOrphansOnDiskAreSwept(t *testing.T) {
	ctx := context.Background()
	root := t.TempDir()
	blobs, err := blob.OpenDisk(root)
	if err != nil {
		t.Fatal(err)
	}
	h := storetest.New(t, engine.SQLite(t)(open.Mail), blobs)
	acc := postern.AccountID(postern.NewID())
	it, err := h.Append(ctx, acc, store.AppendIn{Role: store.RoleInbox, Raw: []byte("Subject: x\r\n\r\n")})
	if err != nil {
		t.Fatal(err)
	}
	orphan := blob.Name(string(acc) + "/" + postern.NewID())
	if err := blobs.Put(ctx, orphan, []byte("left")); err != nil {
		t.Fatal(err)
	}
	old := storetest.Now.Add(-2 * time.Hour)
	err = filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		return os.Chtimes(path, old, old)
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := h.SweepOrphans(ctx); err != nil || n != 1 {
		t.Errorf("%d swept, %v", n, err)
	}
	if _, err := blobs.Open(ctx, orphan); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("the orphan: %v", err)
	}
	if _, _, err := h.Message(ctx, acc, it.ID); err != nil {
		t.Errorf("the message's own bytes: %v", err)
	}
}

// A full disk is an error that says so; nothing is half there, and it goes on
// when there is room.
func TestFullDisk(t *testing.T) {
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		ctx := context.Background()
		blobs := &storetest.Dir{Root: t.TempDir()}
		h := storetest.New(t, opened(open.Mail), blobs)
		acc := postern.AccountID(postern.NewID())
		full := &postern.Error{Kind: postern.Unavailable, Key: "error.disk-full", Text: "the disk is full"}
		in := store.AppendIn{Role: store.RoleInbox, Raw: []byte("Subject: x\r\n\r\n")}
		blobs.Full = full
		if _, err := h.Append(ctx, acc, in); !errors.Is(err, full) || postern.KindOf(err) != postern.Unavailable {
			t.Fatalf("on a full disk: %v", err)
		}
		blobs.Full = nil
		if u, err := h.Usage(ctx, acc); err != nil || u.Messages != 0 {
			t.Errorf("after the refusal: %+v, %v", u, err)
		}
		if _, err := h.Append(ctx, acc, in); err != nil {
			t.Error(err)
		}
	})
}

// A refused append leaves no bytes behind.
func TestARefusedAppendLeavesNoBytes(t *testing.T) {
	blobs := &storetest.Dir{Root: t.TempDir()}
	h := storetest.New(t, engine.SQLite(t)(open.Mail), blobs)
	_, err := h.Append(context.Background(), postern.AccountID(postern.NewID()), store.AppendIn{Mailbox: postern.MailboxID(postern.NewID()), Raw: []byte("Subject: x\r\n\r\n")})
	if postern.KindOf(err) != postern.NotFound {
		t.Fatal(err)
	}
	err = blobs.List(context.Background(), func(name blob.Name, _ time.Time) error {
		return fmt.Errorf("%s was left", name)
	})
	if err != nil {
		t.Error(err)
	}
}
