package smtpd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/mail/smtpd"
	"github.com/postern-mail/postern/testkit/engine"
)

// TestForeignClients lets other people's clients talk to the doors, where
// POSTERN_TEST_TOOLS=1 says that they are installed: swaks, and Postfix's
// smtp-source.
func TestForeignClients(t *testing.T) {
	type run struct {
		name string
		args func(h *house) []string
		ok   bool   // it ends well
		says string // part of what it prints
		want map[string]int
	}
	signedIn := []string{"--from", "ana@outlook.example", "--auth-user", "ana@outlook.example", "--auth-password", secret}
	swaks := func(door func(*house) string, more ...string) func(h *house) []string {
		return func(h *house) []string {
			return append([]string{"swaks", "--server", door(h), "--helo", "client.example", "--timeout", "20"}, more...)
		}
	}
	mx := func(h *house) string { return h.smtp }
	submission := func(h *house) string { return h.submission }
	var runs []run
	if os.Getenv("POSTERN_TEST_TOOLS") == "1" {
		runs = []run{
			{"swaks delivers", swaks(mx, "--to", "ana@outlook.example,bo@outlook.example"), true, "250 2.0.0 kept as", map[string]int{"ana": 1, "bo": 1}},
			{"swaks delivers, pipelined", swaks(mx, "--to", "ana@outlook.example", "--pipeline"), true, "250 2.0.0 kept as", map[string]int{"ana": 1}},
			{"openssl delivers over TLS", func(h *house) []string {
				return []string{"openssl", "s_client", "-quiet", "-starttls", "smtp", "-crlf", "-connect", h.smtp}
			}, true, "250 2.0.0 kept as", map[string]int{"ana": 1}},
			{"swaks delivers a large attachment", swaks(mx, "--to", "ana@outlook.example", "--attach", "testdata/a-stranger-cannot-relay.dialog"), true, "250 2.0.0 kept as", map[string]int{"ana": 1}},
			{"swaks cannot relay", swaks(mx, "--to", "victim@elsewhere.example"), false, "550 5.7.1", nil},
			{"swaks finds nobody", swaks(mx, "--to", "nobody@outlook.example"), false, "550 5.1.1", nil},
			{"swaks submits, PLAIN on loopback", swaks(submission, append(signedIn, "--auth", "PLAIN", "--to", "bo@outlook.example")...), true, "250 2.0.0 queued as", map[string]int{"bo": 1}},
			{"swaks submits, LOGIN on loopback", swaks(submission, append(signedIn, "--auth", "LOGIN", "--to", "bo@outlook.example")...), true, "250 2.0.0 queued as", map[string]int{"bo": 1}},
			{"swaks must sign in", swaks(submission, "--from", "ana@outlook.example", "--to", "bo@outlook.example"), false, "530 5.7.0", nil},
			{"swaks is not Bo", swaks(submission, append(signedIn, "--from", "bo@outlook.example", "--to", "bo@outlook.example")...), false, "550 5.7.1", nil},
			{"swaks does not write as Bo", swaks(submission, append(signedIn, "--h-From", "bo@outlook.example", "--to", "bo@outlook.example")...), false, "550 5.7.1", nil},
			{"smtp-source delivers 200 in 10 sessions", func(h *house) []string {
				return []string{"smtp-source", "-d", "-s", "10", "-l", "4096", "-m", "200", "-f", "clara@elsewhere.example", "-t", "ana@outlook.example", "inet:" + h.smtp}
			}, true, "", map[string]int{"ana": 200}},
			{"smtp-source delivers a new connection each", func(h *house) []string {
				return []string{"smtp-source", "-s", "10", "-l", "4096", "-m", "50", "-f", "clara@elsewhere.example", "-t", "ana@outlook.example", "inet:" + h.smtp}
			}, true, "", map[string]int{"ana": 50}},
		}
	}
	for _, r := range runs {
		t.Run(r.name, func(t *testing.T) {
			cfg := certificate(t)
			h := newHouse(t, engine.SQLite(t), func(p *smtpd.Parts) { p.TLS = cfg })
			args := r.args(h)
			cmd := exec.CommandContext(t.Context(), program(t, args[0]), args[1:]...)
			cmd.Stdin = strings.NewReader("EHLO c.example\nMAIL FROM:<a@b.example>\nRCPT TO:<ana@outlook.example>\nDATA\nSubject: x\n\nx\n.\nQUIT\n")
			out, err := cmd.CombinedOutput()
			if (err == nil) != r.ok || !strings.Contains(string(out), r.says) {
				t.Errorf("%v, wanted %q:\n%s", err, r.says, out)
			}
			for who, n := range r.want {
				got := len(h.inbox(t, map[string]account.Account{"ana": h.ana, "bo": h.bo}[who], "INBOX"))
				if got != n {
					t.Errorf("%s has %d messages, wanted %d", who, got, n)
				}
			}
		})
	}
}

// program finds a client that may be in sbin, where a user's path does not go.
func program(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	path := filepath.Join("/usr/sbin", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("POSTERN_TEST_TOOLS=1 needs %s: %v", name, err)
	}
	return path
}
