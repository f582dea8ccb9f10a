package imapd_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/testkit/engine"
)

var update = flag.Bool("update", false, "write what the server says into the dialogues")

// patience is how long a test waits for an answer.
const patience = 20 * time.Second

func to(h *house) []postern.AccountID { return []postern.AccountID{h.ana.ID} }

// TestDialogs plays testdata/*.dialog against a server. Their lines:
//
//	# a comment; an empty line
//	C: or 2C:      what the first or another client sends
//	L: or 2L:      a line of the literal that the C: before ends in with {}
//	S: or 2S:      exactly what it is told then
//	W: or 2W: word  lines are told without a command, up to one with that word
//	REMOTE         the next connection comes from another machine
//	MAIL: file     a message of ../../message/testdata/mail arrives
//	FREEZE, THAW   the account is frozen or not
//
// $APP is ana's app password. With -update the S: lines are written anew.
func TestDialogs(t *testing.T) {
	files, err := filepath.Glob("testdata/*.dialog")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".dialog"), func(t *testing.T) {
			engine.Each(t, func(t *testing.T, opened engine.Open) {
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				d := &dialog{t: t, h: newHouse(t, opened), peers: map[string]*peer{}}
				d.play(strings.Split(strings.TrimRight(string(b), "\n"), "\n"))
				if *update {
					if err := os.WriteFile(file, []byte(strings.Join(d.out, "\n")+"\n"), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			})
		})
	}
}

type dialog struct {
	t      *testing.T
	h      *house
	peers  map[string]*peer
	remote bool
	out    []string
}

// peer is one client.
type peer struct {
	net.Conn
	*bufio.Reader
}

func dial(t testing.TB, addr string) *peer {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	p := &peer{Conn: c, Reader: bufio.NewReader(c)}
	p.line(t)
	return p
}

// line reads one; the end of the connection is "(closed)".
func (p *peer) line(t testing.TB) string {
	t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(patience))
	s, err := p.ReadString('\n')
	if os.IsTimeout(err) {
		t.Fatalf("no answer, only %q", s)
	}
	if err != nil {
		return "(closed)"
	}
	return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r")
}

func (p *peer) send(t testing.TB, s string) {
	t.Helper()
	if _, err := p.Conn.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
}

// command sends a line and reads up to its tagged answer, or to a "+".
func (p *peer) command(t testing.TB, line string) []string {
	t.Helper()
	p.send(t, line+"\r\n")
	tag, _, _ := strings.Cut(line, " ")
	return p.until(t, func(s string) bool { return strings.HasPrefix(s, tag+" ") || strings.HasPrefix(s, "+") })
}

func (p *peer) until(t testing.TB, end func(string) bool) (told []string) {
	t.Helper()
	for {
		s := p.line(t)
		told = append(told, s)
		if s == "(closed)" || end(s) {
			return told
		}
	}
}

// ok is command for one that must succeed.
func (p *peer) ok(t testing.TB, line string) []string {
	t.Helper()
	told := p.command(t, line)
	if last := told[len(told)-1]; !strings.Contains(last, " OK ") {
		t.Fatalf("%s: %s", line, last)
	}
	return told
}

func (d *dialog) peer(name string) *peer {
	if d.peers[name] == nil {
		addr := d.h.addr
		if d.remote {
			addr, d.remote = d.h.remote, false
		}
		d.peers[name] = dial(d.t, addr)
	}
	return d.peers[name]
}

var directive = regexp.MustCompile(`^([2-9]?)([CLSW]): ?(.*)$`)

func (d *dialog) play(lines []string) {
	d.t.Helper()
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		at := fmt.Sprintf("line %d", i+1)
		m := directive.FindStringSubmatch(line)
		if m == nil {
			d.event(line)
			d.out = append(d.out, line)
			continue
		}
		who, kind, text := m[1], m[2], strings.ReplaceAll(m[3], "$APP", d.h.app)
		if kind == "S" {
			if !*update {
				if got := d.peer(who).line(d.t); got != text {
					d.t.Fatalf("%s: the server said\n\t%q\ninstead of\n\t%q", at, got, text)
				}
			}
			continue
		}
		d.out = append(d.out, line)
		switch kind {
		case "C":
			if literal, ok := strings.CutSuffix(text, "{}"); ok {
				var body strings.Builder
				for ; i+1 < len(lines) && strings.HasPrefix(lines[i+1], who+"L:"); i++ {
					body.WriteString(strings.TrimPrefix(strings.TrimPrefix(lines[i+1], who+"L:"), " ") + "\r\n")
					d.out = append(d.out, lines[i+1])
				}
				d.peer(who).send(d.t, fmt.Sprintf("%s{%d}\r\n", literal, body.Len()))
				if got := d.peer(who).line(d.t); !strings.HasPrefix(got, "+") {
					d.t.Fatalf("%s: the literal was refused: %s", at, got)
				}
				text = strings.Fields(literal)[0] + " " // the tag, for -update
				d.peer(who).send(d.t, body.String()+"\r\n")
			} else {
				d.peer(who).send(d.t, text+"\r\n")
			}
			// A line without a tag ends IDLE, whose tag was another.
			tag, _, tagged := strings.Cut(text, " ")
			d.record(who, func(s string) bool {
				return strings.HasPrefix(s, tag+" ") || strings.HasPrefix(s, "+ idling") || !tagged && !strings.HasPrefix(s, "*")
			})
		case "W":
			d.record(who, func(s string) bool { return strings.Contains(s, text) })
		}
	}
}

// record is what -update does in place of reading S: lines.
func (d *dialog) record(who string, end func(string) bool) {
	if !*update {
		return
	}
	for _, s := range d.peer(who).until(d.t, end) {
		d.out = append(d.out, strings.TrimRight(who+"S: "+s, " "))
	}
}

func (d *dialog) event(line string) {
	d.t.Helper()
	ctx := context.Background()
	word, arg, _ := strings.Cut(line, ": ")
	var err error
	switch {
	case line == "" || strings.HasPrefix(line, "#"):
	case line == "REMOTE":
		d.remote = true
	case line == "FREEZE" || line == "THAW":
		err = d.h.Freeze(ctx, d.h.ana.ID, line == "FREEZE")
	case word == "MAIL":
		var raw []byte
		if raw, err = os.ReadFile(filepath.Join("..", "..", "message", "testdata", "mail", arg)); err == nil {
			d.h.deliver(d.t, raw)
		}
	default:
		d.t.Fatalf("what is %q?", line)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}
