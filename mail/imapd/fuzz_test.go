package imapd_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern/testkit/engine"
)

// FuzzBeforeSignIn sends a stranger's bytes: the server answers or hangs up, and
// keeps serving.
func FuzzBeforeSignIn(f *testing.F) { fuzz(f, "") }

// FuzzCommands sends the bytes of somebody who has signed in and selected a
// mailbox.
func FuzzCommands(f *testing.F) {
	fuzz(f, "s1 LOGIN ana@outlook.example \""+secret+"\"\r\ns2 SELECT INBOX\r\n")
}

func fuzz(f *testing.F, before string) {
	files, err := filepath.Glob("testdata/*.dialog")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var all []byte
		for line := range strings.Lines(string(b)) {
			if said, ok := strings.CutPrefix(line, "C: "); ok && !strings.Contains(said, "LOGIN") {
				all = append(append(all, strings.TrimRight(said, "\n")...), "\r\n"...)
				f.Add(all[len(all)-len(said)-1:])
			}
		}
		f.Add(all)
	}
	h := newHouse(f, engine.SQLite(f))
	h.fill(f, corpus(f)[:8])
	f.Fuzz(func(t *testing.T, sent []byte) {
		// A connection that only waits would be waited for.
		if bytes.Contains(bytes.ToUpper(sent), []byte("IDLE")) {
			return
		}
		p := dial(t, h.addr)
		defer p.Close()
		if before != "" {
			for line := range strings.Lines(before) {
				p.ok(t, strings.TrimSpace(line))
			}
		}
		go func() {
			_, _ = p.Conn.Write(append(sent, "\r\n\r\nzz LOGOUT\r\n"...))
			_ = p.Conn.(interface{ CloseWrite() error }).CloseWrite()
		}()
		_ = p.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, p.Reader); os.IsTimeout(err) {
			t.Fatal("the connection hangs")
		}
		q := dial(t, h.addr)
		defer q.Close()
		q.ok(t, "a NOOP")
	})
}
