// Package e2e_test keeps the promises: text scripts across all planes, walked
// through as people do, over plain forms and, where there is a browser, with
// clicks in Chromium, in English and in French.
package e2e_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/testkit"
)

// binary builds the command once for all scripts.
func binary(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "postern")
	out, err := exec.Command("go", "build", "-o", file, "github.com/postern-mail/postern/cmd/postern").CombinedOutput()
	if err != nil {
		t.Fatalf("couldn't build postern: %v\n%s", err, out)
	}
	return file
}

func TestStory(t *testing.T) {
	postern := binary(t)
	scripts, err := filepath.Glob("*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range scripts {
		for _, lang := range []string{"en", "fr"} {
			name := strings.TrimSuffix(file, ".txt") + "/" + lang
			t.Run(name+"/forms", func(t *testing.T) {
				play(t, file, lang, postern, func() (browser, error) { return newForms(lang), nil })
			})
			if chromium := os.Getenv(EnvBrowser); chromium != "" {
				t.Run(name+"/chromium", func(t *testing.T) {
					play(t, file, lang, postern, newChrome(t, chromium, lang).tab)
				})
			}
		}
	}
}

// stage is one playing of a script.
type stage struct {
	t       *testing.T
	node    *node.Node
	lang    string
	postern string
	open    func() (browser, error)
	people  map[string]browser // by person and face
	now     browser
	files   string
}

// play runs a script. Each line is a command; a text that people read stands
// twice, in English and in French, between quotes.
//
//	as NAME FACE             this person's browser; the first time, one click signs in
//	go PATH                  an address of the face; {id} is the one in the address before
//	refresh                  what a page without scripts does by itself; with scripts, nothing
//	await 'en' 'fr'          the page, looked at again and again, says
//	follow 'en' 'fr'         a link          press 'en' 'fr'   a button
//	to PART                  the first link whose address has this in it
//	fill FIELD 'en' 'fr'     a field (one text serves for both); {month} is a day in a month
//	choose FIELD 'en' 'fr'   of a list, what says this
//	only FIELD 'en' 'fr'     of several boxes, the one that says this
//	see 'en' 'fr'            the page says   never 'en' 'fr'   it does not
//	save 'en' 'fr' FILE      what a link leads to, into a file
//	run STATUS ARGS…         postern with these arguments; {key}, {config} are the demo's,
//	                         {otherkey} another log's of the same name
//	says 'text'              what the last run printed
func play(t *testing.T, file, lang, postern string, open func() (browser, error)) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := &stage{t: t, node: testkit.Demo(t), lang: lang, postern: postern, open: open, people: map[string]browser{}, files: t.TempDir()}
	t.Cleanup(func() {
		for _, b := range s.people {
			b.close()
		}
	})
	printed := ""
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words, err := split(line)
		if err == nil {
			err = s.do(words, &printed)
		}
		if err != nil {
			t.Fatalf("%s:%d: %s\n%v", file, n, line, err)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) do(w []string, printed *string) error {
	text := func(i int) string {
		if s.lang == "fr" && len(w) > i+1 {
			return w[i+1]
		}
		return w[i]
	}
	switch w[0] {
	case "as":
		return s.as(w[1], w[2])
	case "run":
		return s.run(w[1], w[2:], printed)
	case "says":
		if !strings.Contains(fold(*printed), fold(text(1))) {
			return fmt.Errorf("it printed: %s", *printed)
		}
		return nil
	}
	if s.now == nil {
		return errors.New("nobody is there yet: begin with as")
	}
	switch w[0] {
	case "go":
		at, err := s.now.address()
		if err != nil {
			return err
		}
		parts := strings.SplitN(at, "/", 4)
		return s.now.visit(strings.Join(parts[:3], "/") + strings.ReplaceAll(w[1], "{id}", anyID.FindString(at)))
	case "refresh":
		if _, live := s.now.(*tab); live {
			return nil
		}
		at, err := s.now.address()
		if err != nil {
			return err
		}
		return s.now.visit(at)
	case "await":
		return s.await(text(1))
	case "follow":
		return s.now.follow(text(1))
	case "to":
		return s.now.followTo(w[1])
	case "press":
		return s.now.press(text(1))
	case "fill":
		return s.now.fill(w[1], strings.ReplaceAll(text(2), "{month}", time.Now().AddDate(0, 1, 0).Format(time.DateOnly)))
	case "choose":
		return s.now.choose(w[1], text(2))
	case "only":
		return s.now.only(w[1], text(2))
	case "see":
		return s.see(text(1), true)
	case "never":
		return s.see(text(1), false)
	case "save":
		// What was shown joins the log within a second; the page is as old as that.
		if _, err := s.node.Ledger.Sequence(s.t.Context()); err != nil {
			return err
		}
		b, err := s.download(text(1))
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(s.files, w[len(w)-1]), b, 0o600)
	}
	return fmt.Errorf("there is no command %s", w[0])
}

func (s *stage) as(name, face string) error {
	key := name + " " + face
	if b, ok := s.people[key]; ok {
		s.now = b
		return nil
	}
	b, err := s.open()
	if err != nil {
		return err
	}
	s.people[key], s.now = b, b
	o := s.node.Origins()
	origin := map[string]string{"mail": o.Mail, "desk": o.Desk, "response": o.Response}[face]
	if origin == "" {
		return fmt.Errorf("there is no face %s", face)
	}
	if err := b.visit(origin + "/"); err != nil {
		return err
	}
	if err := b.press(name); err != nil {
		return err
	}
	return b.press(map[string]string{"en": "English", "fr": "Français"}[s.lang])
}

func (s *stage) see(text string, want bool) error {
	var said string
	for end := time.Now().Add(patience); ; {
		var err error
		if said, err = s.now.text(); err != nil {
			return err
		}
		if strings.Contains(said, fold(text)) == want {
			return nil
		}
		tab, live := s.now.(*tab)
		if !live || !want || time.Now().After(end) {
			at, _ := s.now.address()
			return fmt.Errorf("%s says: %s", at, said)
		}
		if err := tab.wait(); err != nil {
			return err
		}
	}
}

// download follows a link to a file, and looks at the page again until it has
// the link: a proof is there once a witness has cosigned, moments later.
func (s *stage) download(text string) ([]byte, error) {
	at, err := s.now.address()
	if err != nil {
		return nil, err
	}
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(patience); ; <-again.C {
		if err := s.now.visit(at); err != nil {
			return nil, err
		}
		b, err := s.now.download(text)
		if err == nil || time.Now().After(end) {
			return b, err
		}
	}
}

// await looks at the page again until it says the text.
func (s *stage) await(text string) error {
	at, err := s.now.address()
	if err != nil {
		return err
	}
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(patience); ; <-again.C {
		said, err := s.now.text()
		if err != nil {
			return err
		}
		if strings.Contains(said, fold(text)) {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s says: %s", at, said)
		}
		if err := s.now.visit(at); err != nil {
			return err
		}
	}
}

var anyID = regexp.MustCompile(`[0-9a-f]{32}`)

func (s *stage) run(status string, args []string, printed *string) error {
	_, other, err := note.GenerateKey(rand.Reader, s.node.Config().Ledger.Origin)
	if err != nil {
		return err
	}
	for i, a := range args {
		a = strings.ReplaceAll(a, "{otherkey}", other)
		a = strings.ReplaceAll(a, "{key}", s.node.LogKey())
		args[i] = strings.ReplaceAll(a, "{config}", filepath.Join(s.node.Config().Data, "postern.toml"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.postern, args...)
	cmd.Dir = s.files
	out, err := cmd.CombinedOutput()
	*printed = string(out)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	if got := fmt.Sprint(cmd.ProcessState.ExitCode()); got != status {
		return fmt.Errorf("exit status %s: %s", got, out)
	}
	return nil
}

// split divides a line at spaces outside of single quotes.
func split(line string) (words []string, err error) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if line[0] != '\'' {
			word, rest, _ := strings.Cut(line, " ")
			words, line = append(words, word), rest
			continue
		}
		end := strings.IndexByte(line[1:], '\'')
		if end < 0 {
			return nil, errors.New("a quote is not closed")
		}
		words, line = append(words, line[1:1+end]), line[2+end:]
	}
	return words, nil
}

// fold makes every run of spaces one plain space, and every apostrophe the
// typewriter's.
func fold(s string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("\u00a0", " ", "\u202f", " ", "’", "'").Replace(s)), " ")
}

// localClient finds every .localhost name on this machine.
func localClient() *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}}}
}
