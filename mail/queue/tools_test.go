package queue_test

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postern-mail/postern/mail/queue"
	"github.com/postern-mail/postern/testkit/engine"
)

// With POSTERN_TEST_TOOLS the queue also sends to Postfix's own test server.
func TestForeignServers(t *testing.T) {
	if os.Getenv("POSTERN_TEST_TOOLS") != "" {
		t.Run("smtp-sink", smtpSink)
	}
}

func smtpSink(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	path, err := exec.LookPath("smtp-sink")
	if err != nil {
		path = "/usr/sbin/smtp-sink"
	}
	// As root it wants a user to become; -d writes one file per message.
	args := []string{"-d", filepath.Join(dir, "mail."), "unix:" + socket, "10"}
	if os.Geteuid() == 0 {
		args = append([]string{"-u", "root"}, args...)
	}
	sink := exec.Command(path, args...)
	sink.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := sink.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = sink.Process.Kill()
		_ = sink.Wait()
	})
	address := bridged(t, socket)
	h := newHouse(t, engine.SQLite(t), func(p *queue.Parts) { p.Outbound = "smarthost:" + address })
	h.run(t)
	h.submit(t, "clara@elsewhere.example")
	h.empty(t, h.ana)
	files, err := filepath.Glob(filepath.Join(dir, "mail.*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d messages, %v", len(files), err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.ReplaceAll(string(b), "\r\n", "\n"); !strings.Contains(got, strings.ReplaceAll(raw, "\r\n", "\n")) {
		t.Errorf("Postfix got %q", got)
	}
	if got := h.events(t); strings.Join(got, " ") != "queued sent" {
		t.Errorf("the trace is %q", got)
	}
}

// bridged gives a free TCP port that leads to a Unix socket, once somebody
// answers there.
func bridged(t *testing.T, socket string) string {
	t.Helper()
	end := time.Now().Add(10 * time.Second)
	for look := time.NewTicker(10 * time.Millisecond); ; <-look.C {
		c, err := net.Dial("unix", socket)
		if err == nil {
			_, err = bufio.NewReader(c).ReadString('\n')
			c.Close()
		}
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("smtp-sink does not answer: %v", err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				u, err := (&net.Dialer{}).DialContext(context.Background(), "unix", socket)
				if err != nil {
					return
				}
				defer u.Close()
				go func() { _, _ = c.(*net.TCPConn).ReadFrom(u); c.Close() }()
				_, _ = c.(*net.TCPConn).WriteTo(u)
			}()
		}
	}()
	return l.Addr().String()
}
