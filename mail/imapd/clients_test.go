package imapd_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/testkit/engine"
)

// TestClients lets programs that people use work on a mailbox. They must be
// installed, so POSTERN_TEST_TOOLS names that it is wanted.
func TestClients(t *testing.T) {
	clients := map[string]func(*testing.T, *house){}
	if os.Getenv("POSTERN_TEST_TOOLS") != "" {
		clients["mbsync keeps two copies the same"] = mbsync
		clients["mutt lists, flags and moves"] = mutt
	}
	for name, client := range clients {
		t.Run(name, func(t *testing.T) {
			engine.Each(t, func(t *testing.T, opened engine.Open) { client(t, newHouse(t, opened)) })
		})
	}
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), "HOME="+dir, "TERM=vt100")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mbsync(t *testing.T, h *house) {
	dir := t.TempDir()
	host, port, err := net.SplitHostPort(h.addr)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "rc"), fmt.Sprintf("IMAPAccount a\nHost %s\nPort %s\nUser %s\nPass %q\nSSLType None\nAuthMechs LOGIN\n\nIMAPStore far\nAccount a\n\n"+
		"MaildirStore near\nPath %s/\nInbox %s/INBOX\nSubFolders Verbatim\n\nChannel c\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSyncState *\n",
		host, port, h.ana.Address, secret, dir, dir))
	// Mail with CRLF, as SMTP brings it; mbsync writes its files with LF.
	letter := func(n int) []byte {
		return fmt.Appendf(nil, "From: Bo <bo@outlook.example>\r\nSubject: %d é\r\nMessage-ID: <%d@outlook.example>\r\n\r\nBody %d.\r\n\r\n--\r\nlast line\r\n", n, n, n)
	}
	var letters [][]byte
	for n := range 40 {
		letters = append(letters, letter(n))
	}
	h.fill(t, letters)
	sync := func() { run(t, dir, "mbsync", "-c", "rc", "c") }
	sync()
	// Pulled: the same bytes.
	var pulled []string
	err = filepath.WalkDir(filepath.Join(dir, "INBOX"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && !strings.HasPrefix(d.Name(), ".") {
			pulled = append(pulled, path)
		}
		return err
	})
	if err != nil || len(pulled) != len(letters) {
		t.Fatalf("%d files of %d: %v", len(pulled), len(letters), err)
	}
	for _, path := range pulled {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b = withoutField(bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")), mark)
		if !slices.ContainsFunc(letters, func(l []byte) bool { return bytes.Equal(l, b) }) {
			t.Errorf("%s has other bytes:\n%s", path, b)
		}
	}
	// Pushed: a new file, a flag, a deletion and a folder.
	slices.Sort(pulled)
	flagged, removed := pulled[0], pulled[1]
	base := filepath.Base(flagged)
	if i := strings.Index(base, ":2,"); i >= 0 {
		base = base[:i]
	}
	if err := os.Rename(flagged, filepath.Join(dir, "INBOX", "cur", base+":2,FS")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(removed); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"new", "cur", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, "Clubs", sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	pushed := letter(99)
	write(t, filepath.Join(dir, "Clubs", "new", "1.a.b"), string(bytes.ReplaceAll(pushed, []byte("\r\n"), []byte("\n"))))
	sync()
	flags := h.flags(t, "INBOX")
	if len(flags) != len(letters)-1 || !slices.Contains(flags, `\Seen \Flagged`) {
		t.Errorf("INBOX has %d messages with flags %q", len(flags), flags)
	}
	m, err := h.Store().MailboxByName(t.Context(), h.ana.ID, "Clubs")
	if err != nil {
		t.Fatal(err)
	}
	err = h.Store().Items(t.Context(), h.ana.ID, m.ID, store.All(), store.Identity, func(it *store.Item) error {
		_, raw, err := h.Store().Message(t.Context(), h.ana.ID, it.ID)
		if raw = withoutField(raw, mark); !bytes.Equal(raw, pushed) {
			t.Errorf("Clubs has other bytes:\n%s", raw)
		}
		return err
	})
	if err != nil || m.Total != 1 {
		t.Errorf("Clubs has %d messages: %v", m.Total, err)
	}
}

// mark is the field that mbsync puts into the copies it makes.
const mark = "X-TUID"

func withoutField(raw []byte, name string) []byte {
	var out []byte
	for line := range bytes.Lines(raw) {
		if !bytes.HasPrefix(line, []byte(name+":")) {
			out = append(out, line...)
		}
	}
	return out
}

// flags lists those of each message.
func (h *house) flags(t *testing.T, mailbox string) (all []string) {
	t.Helper()
	m, err := h.Store().MailboxByName(t.Context(), h.ana.ID, mailbox)
	if err != nil {
		t.Fatal(err)
	}
	err = h.Store().Items(t.Context(), h.ana.ID, m.ID, store.All(), 0, func(it *store.Item) error {
		all = append(all, strings.Join(it.Flags, " "))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func mutt(t *testing.T, h *house) {
	dir := t.TempDir()
	for _, subject := range []string{"first", "second", "third"} {
		h.deliver(t, []byte("From: Bo <bo@outlook.example>\r\nTo: ana@outlook.example\r\nSubject: "+subject+"\r\nMessage-ID: <"+subject+"@x>\r\n\r\nIt says "+subject+".\r\n"))
	}
	write(t, filepath.Join(dir, "rc"), fmt.Sprintf("set folder=imap://%s/\nset imap_user=%s\nset imap_pass=%q\nset ssl_starttls=no\nset ssl_force_tls=no\nset imap_check_subscribed=no\n"+
		"set header_cache=\nset confirmappend=no\nset confirmcreate=no\nset move=no\nset delete=yes\nset quit=yes\nset wait_key=no\nset record=\nset print=yes\nset print_command=\"cat >> %s/printed\"\n"+
		"set print_split=yes\nset print_decode=yes\nset sort=mailbox-order\nset resolve=no\nset pager_stop=yes\nset assumed_charset=utf-8\nset abort_key=\\000\n"+
		"push '<tag-pattern>~A<enter><tag-prefix><print-message><untag-pattern>~A<enter>1<enter><flag-message>2<enter><save-message>=Archive<enter>3<enter><set-flag>N<sync-mailbox><quit>'\n",
		h.addr, h.ana.Address, secret, dir))
	run(t, dir, "script", "-qec", "mutt -n -F rc -f imap://"+h.addr+"/INBOX", "/dev/null")
	printed, err := os.ReadFile(filepath.Join(dir, "printed"))
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"first", "second", "third"} {
		if !bytes.Contains(printed, []byte("It says "+subject)) {
			t.Errorf("mutt did not show %s: %q", subject, printed)
		}
	}
	inbox, archive := h.flags(t, "INBOX"), h.flags(t, "Archive")
	if len(inbox) != 2 || !strings.Contains(inbox[0], `\Flagged`) || len(archive) != 1 {
		t.Errorf("INBOX has %q, Archive %q", inbox, archive)
	}
}
