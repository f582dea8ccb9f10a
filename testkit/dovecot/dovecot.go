// Package dovecot serves a real Dovecot, from Debian's packages, to a test: with
// a master user that may read and do nothing else, as docs/dovecot.md has it.
//
// What it keeps: everything in the test's temporary directory.
//
// Trust: its passwords are written in the test; it must never be linked into
// the binary.
package dovecot

import (
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/postern-mail/postern/testkit/loopback"
)

// Master and MasterPassword sign in as anybody: "ana@outlook.example*postern".
const (
	Master         = "postern"
	MasterPassword = "the master's long password"
)

// Wanted says whether the tests' world has a Dovecot (`make test`).
func Wanted() bool { return os.Getenv("POSTERN_TEST_TOOLS") != "" }

// Server is a running Dovecot.
type Server struct {
	Plain, TLS string // addresses: 143 with STARTTLS, 993
	CA         string // a file with the certificate to trust
	dir        string
	users      map[string]string
}

// Start serves the users, by name and password, until the test ends.
func Start(t testing.TB, users map[string]string) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "postern-dovecot-") // short: a Unix socket's path has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &Server{Plain: loopback.Free(t), TLS: loopback.Free(t), dir: dir, users: users, CA: filepath.Join(dir, "ca.crt")}
	loopback.Certificate(t, s.CA, filepath.Join(dir, "key"))
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	as, mailUID := "", "nobody"
	if me.Uid == "0" {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	} else {
		mailUID = me.Username
		as = "default_internal_user = " + me.Username + "\ndefault_login_user = " + me.Username + "\ndefault_internal_group = " + me.Gid + "\n"
	}
	mail := filepath.Join(dir, "mail")
	if err := os.Mkdir(mail, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(mail, 0o777); err != nil {
		t.Fatal(err)
	}
	list := ""
	for name, password := range users {
		list += name + ":{PLAIN}" + password + "\n"
	}
	_, plain, _ := net.SplitHostPort(s.Plain)
	_, secure, _ := net.SplitHostPort(s.TLS)
	for name, text := range map[string]string{
		"users": list, "masters": Master + ":{PLAIN}" + MasterPassword + "\n",
		// l and r: names and messages. No s (seen), w (flags), t, i, e, x.
		"acl": "* user=" + Master + " lr\n",
		"conf": as + strings.NewReplacer("DIR", dir, "PLAIN", plain, "SECURE", secure, "UID", mailUID).Replace(`
base_dir = DIR/run
log_path = DIR/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <DIR/ca.crt
ssl_key = <DIR/key
mail_location = maildir:DIR/mail/%u
mail_plugins = acl quota notify mail_log
auth_master_user_separator = *
auth_failure_delay = 0
namespace inbox {
  inbox = yes
  separator = /
  mailbox Junk {
    auto = create
    special_use = \Junk
  }
}
passdb {
  driver = passwd-file
  args = username_format=%u DIR/masters
  master = yes
  result_success = continue
}
passdb {
  driver = passwd-file
  args = username_format=%u DIR/users
}
userdb {
  driver = static
  args = uid=UID gid=nogroup home=DIR/mail/%u
}
plugin {
  acl = vfile:DIR/acl
  quota = maildir:User quota
  quota_rule = *:storage=10M
  mail_log_events = delete undelete expunge save copy flag_change
}
protocol imap {
  mail_plugins = $mail_plugins imap_quota imap_acl
  mail_max_userip_connections = 100
}
service imap-login {
  chroot =
  inet_listener imap {
    port = PLAIN
  }
  inet_listener imaps {
    port = SECURE
    ssl = yes
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
`),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("dovecot", "-F", "-c", filepath.Join(dir, "conf"))
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatalf("POSTERN_TEST_TOOLS needs Debian's dovecot-imapd: %v", err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		<-ended
		if t.Failed() {
			t.Logf("Dovecot's log:\n%s", s.Log(t))
		}
	})
	for until := time.Now().Add(20 * time.Second); ; {
		c, err := net.Dial("tcp", s.Plain)
		if err == nil {
			c.Close()
			return s
		}
		select {
		case <-ended:
			t.Fatalf("Dovecot ended: %s%s", said.String(), s.Log(t))
		default:
		}
		if time.Now().After(until) {
			t.Fatalf("Dovecot does not listen: %s%s", said.String(), s.Log(t))
		}
		time.Sleep(10 * time.Millisecond) // another process: there is nothing to wait on
	}
}

// Put keeps a message as the user would, and makes the mailbox.
func (s *Server) Put(t testing.TB, name, mailbox string, raw []byte, at time.Time) {
	t.Helper()
	c, err := imapclient.DialInsecure(s.Plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login(name, s.users[name]).Wait(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if mailbox != "INBOX" {
		_ = c.Create(mailbox, nil).Wait() // it may be there
	}
	a := c.Append(mailbox, int64(len(raw)), &imap.AppendOptions{Time: at})
	if _, err := a.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Wait(); err != nil {
		t.Fatal(err)
	}
}

// Log is what Dovecot logged until now.
func (s *Server) Log(t testing.TB) string {
	b, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	return string(b)
}

// Files lists the names of all messages in the Maildirs: the letters behind
// ":2," are their flags.
func (s *Server) Files(t testing.TB) (files []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(s.dir, "mail"), func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && (filepath.Base(filepath.Dir(p)) == "cur" || filepath.Base(filepath.Dir(p)) == "new") {
			files = append(files, filepath.Base(p))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
