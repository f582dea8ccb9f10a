// Package cyrus serves a real Cyrus IMAP, from Debian's packages, to a test: with
// a service for a proxying master user that can change nothing, as
// docs/dovecot.md has it.
//
// What it keeps: everything in the test's temporary directory.
//
// Trust: its passwords are written in the test; it must never be linked into
// the binary.
package cyrus

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postern-mail/postern/testkit/loopback"
)

// Master and MasterPassword sign in as anybody, by SASL PLAIN with the
// customer's name as authorization identity (RFC 4616).
const (
	Master         = "postern"
	MasterPassword = "the master's long password"
	feeder         = "feeder" // writes the test's mail
)

// Wanted says whether the tests' world has a Cyrus (`make test`).
func Wanted() bool { return os.Getenv("POSTERN_TEST_CYRUS") != "" }

// Options are in what Cyrus's servers differ.
type Options struct {
	// Namespace is "" for what Debian's imapd.conf has (INBOX.Kept, user.bo), or
	// "alternative" for what Cyrus has without a setting (Kept, Other Users/bo).
	Namespace string
	// LocalParts calls the users by names without a domain.
	LocalParts bool
}

// Server is a running Cyrus.
type Server struct {
	Plain, TLS string // addresses that refuse every change: 143 with STARTTLS, 993
	Writable   string // an address that lets the master user do what the customer may
	CA         string // a file with the certificate to trust

	feed    string // address for the feeder
	dir     string
	options Options
}

// Start serves until the test ends. Mailboxes come into being with [Server.Put].
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "postern-cyrus-") // short: a Unix socket's path has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &Server{Plain: loopback.Free(t), TLS: loopback.Free(t), Writable: loopback.Free(t), feed: loopback.Free(t), dir: dir, options: o, CA: filepath.Join(dir, "ca.crt")}
	// Not root's: Cyrus runs as another, who may not reach the checkout.
	if err := os.CopyFS(filepath.Join(dir, "cyrus"), os.DirFS(os.Getenv("POSTERN_TEST_CYRUS"))); err != nil {
		t.Fatalf("POSTERN_TEST_CYRUS needs what testkit/install.sh unpacks: %v", err)
	}
	loopback.Certificate(t, s.CA, filepath.Join(dir, "key"))
	as, group := owner(t)
	for name, text := range s.files(as.Username, group.Name) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"conf/socket", "spool", "proc", "lock"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{Master, feeder} {
		c := s.command("saslpasswd2", "-p", "-c", "-f", filepath.Join(dir, "sasldb"), "-u", "localhost", name)
		c.Stdin = strings.NewReader(MasterPassword)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("couldn't give %s a password: %v\n%s", name, err, out)
		}
	}
	if err := handOver(dir, as); err != nil {
		t.Fatal(err)
	}
	s.run(t)
	return s
}

// owner is who Cyrus runs as: it refuses to be root.
func owner(t testing.TB) (*user.User, *user.Group) {
	t.Helper()
	as, err := user.Current()
	if err == nil && as.Uid == "0" {
		as, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatal(err)
	}
	group, err := user.LookupGroupId(as.Gid)
	if err != nil {
		t.Fatal(err)
	}
	return as, group
}

// handOver gives everything in dir to who Cyrus runs as.
func handOver(dir string, to *user.User) error {
	uid, err := strconv.Atoi(to.Uid)
	if err != nil {
		return err
	}
	if uid == os.Getuid() {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, -1)
	})
}

func (s *Server) command(program string, args ...string) *exec.Cmd {
	at := func(name string) string { return filepath.Join(s.dir, "cyrus", name) }
	c := exec.Command(filepath.Join(at("bin"), program), args...)
	c.Env = append(os.Environ(), "LD_LIBRARY_PATH="+at("lib"), "SASL_PATH="+at("sasl2"))
	return c
}

func (s *Server) run(t testing.TB) {
	t.Helper()
	c := s.command("master", "-D", "-C", filepath.Join(s.dir, "imapd.conf"), "-M", filepath.Join(s.dir, "cyrus.conf"), "-p", filepath.Join(s.dir, "conf", "pid"))
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // at its end it signals its whole group
	var said strings.Builder
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { c.Wait(); close(ended) }()
	t.Cleanup(func() {
		if err := c.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		<-ended
		if t.Failed() {
			t.Logf("Cyrus said:\n%s", said.String())
		}
	})
	for until := time.Now().Add(20 * time.Second); ; {
		c, err := net.Dial("tcp", s.feed)
		if err == nil {
			c.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("Cyrus ended: %s", said.String())
		default:
		}
		if time.Now().After(until) {
			t.Fatal("Cyrus does not listen")
		}
		time.Sleep(10 * time.Millisecond) // another process: there is nothing to wait on
	}
}
