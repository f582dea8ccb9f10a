package main

import (
	"bufio"
	"context"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// quickstart, serve, and an auditor who reads the log from outside.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "postern.toml")
	if status, _, stderr := call(t, "", "quickstart", "you@example.org", "--config", config); status != 0 {
		t.Fatal(stderr)
	}
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	any := regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(string(text), "127.0.0.1:0")
	any = strings.Replace(any, "[listen]\n", "[listen]\nmail = \"127.0.0.1:0\"\ndesk = \"127.0.0.1:0\"\nresponse = \"127.0.0.1:0\"\nview = \"127.0.0.1:0\"\nledger = \"127.0.0.1:0\"\n", 1)
	if err := os.WriteFile(config, []byte(any), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		status := run(ctx, []string{"serve", "--config", config}, out{io.Discard, w, strings.NewReader("")})
		w.Close()
		ended <- status
	}()
	var log string
	var said []string
	lines := bufio.NewScanner(r)
	for log == "" && lines.Scan() {
		said = append(said, lines.Text())
		if words := strings.Fields(lines.Text()); len(words) == 2 && words[0] == "Ledger" {
			u, err := url.Parse(words[1])
			if err != nil {
				t.Fatal(err)
			}
			log = "http://127.0.0.1:" + u.Port()
		}
	}
	go io.Copy(io.Discard, r)
	if log == "" {
		t.Fatalf("it said %q and ended with %d", said, <-ended)
	}
	key := filepath.Join(dir, "postern-data", "keys", "log.vkey")
	// The first checkpoint is a tick away, and the reader asks again by itself only where the server errs.
	for {
		status, stdout, stderr := call(t, "", "verify", "replay", log, "--key", key)
		if status == 0 && strings.Contains(stdout, "verified") && strings.Contains(stdout, "months    1") {
			break
		}
		if !strings.Contains(stderr, "checkpoint: file does not exist") {
			t.Fatalf("status %d: %s%s", status, stdout, stderr)
		}
		select {
		case status := <-ended:
			t.Fatalf("it ended with %d", status)
		default:
		}
	}
	if status, _, stderr := call(t, "", "statement", "nobody@example.org", "--config", config); status != 2 || stderr == "" {
		t.Errorf("a statement for nobody: status %d, %s", status, stderr)
	}
	stop()
	if status := <-ended; status != 0 {
		t.Errorf("it drained and ended with %d", status)
	}
}
