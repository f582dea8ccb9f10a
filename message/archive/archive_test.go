package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"
)

var at = time.Date(2019, 3, 28, 9, 0, 5, 0, time.UTC)

// awkward are messages whose ends and lines an mbox could confuse.
var awkward = []string{
	"Subject: a\r\n\r\nhello\r\n", "Subject: a\n\nhello", "Subject: a\r\n\r\nhello\r\n\r\n", "Subject: a\n\nhello\n\n\n", "", "\n", "\r", "\r\n", "x\r",
	"From a@b Thu Mar 28 09:00:05 2019\nSubject: x\n\nFrom here\n>From there\n>>From a@b Thu Mar 28 09:00:05 2019\n", "a\n\nFrom a@b Thu Mar 28 09:00:05 2019",
	"Subject: nul\x00\n\n\x00", "From ", "\nFrom a@b Thu Mar 28 09:00:05 2019\n", ">From \n>>>From", "a\n\r\n", "a\r\n\n", strings.Repeat(">", 70_000) + "From x", strings.Repeat(">", 65_534) + "From x\n", "a\n" + strings.Repeat(">", 65_536),
	strings.Repeat(">", 140_000) + "\nFrom x\n", strings.Repeat("x", 200_000) + "\nFrom y",
}

func readAll(t *testing.T, r io.Reader) (list []Entry) {
	t.Helper()
	if err := MBOX(r, func(e Entry) error { list = append(list, e); return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestMBOXGivesTheSameBytesBack(t *testing.T) {
	var all bytes.Buffer
	for _, raw := range awkward {
		var one bytes.Buffer
		for _, w := range []io.Writer{&one, &all} {
			if err := WriteMBOX(w, []byte(raw), "ana@outlook.example", at); err != nil {
				t.Fatal(err)
			}
		}
		if got := readAll(t, &one); len(got) != 1 || string(got[0].Raw) != raw || !got[0].Received.Equal(at) {
			t.Errorf("%q came back as %+v", raw, got)
		}
	}
	got := readAll(t, iotest.OneByteReader(&all))
	if len(got) != len(awkward) {
		t.Fatalf("%d messages came back of %d", len(got), len(awkward))
	}
	for i, e := range got {
		if string(e.Raw) != awkward[i] {
			t.Errorf("message %d: %.80q came back as %.80q", i, awkward[i], e.Raw)
		}
	}
}

func TestMBOXOfOthers(t *testing.T) {
	const head = "From ana@outlook.example Thu Mar 28 09:00:05 2019"
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"LF", head + "\nA: 1\n\nx\n\n" + head + "\nB: 1\n\ny\n\n", []string{"A: 1\n\nx\n", "B: 1\n\ny\n"}},
		{"CRLF", head + "\r\nA: 1\r\n\r\nx\r\n\r\n" + head + "\r\nB: 1\r\n\r\ny\r\n\r\n", []string{"A: 1\r\n\r\nx\r\n", "B: 1\r\n\r\ny\r\n"}},
		{"no empty lines between", head + "\nA: 1\n\nx\n" + head + "\nB: 1\n\ny\n", []string{"A: 1\n\nx\n", "B: 1\n\ny\n"}},
		{"unquoted text", head + "\nA: 1\n\nx\n\nFrom now on, all is well\nFrom Thu to Sat\n", []string{"A: 1\n\nx\n\nFrom now on, all is well\nFrom Thu to Sat\n"}},
		{"quoted", head + "\nA: 1\n\n>From a\n>>From b\n> From c\n\n", []string{"A: 1\n\nFrom a\n>From b\n> From c\n"}},
		{"zones", "From a@b Thu Mar 28 09:00:05 2019 +0100\nA: 1\n\n\nFrom - Thu Mar 28 09:00:05 +0100 2019\nB: 1\n\n\nFrom a@b  Fri Mar  1 9:00 2019\nC: 1\n", []string{"A: 1\n\n", "B: 1\n\n", "C: 1\n"}},
		{"first line without date", "From somebody\nA: 1\n\nx\n", []string{"A: 1\n\nx\n"}},
		{"empty lines first", "\n\r\n" + head + "\nA: 1\n", []string{"A: 1\n"}},
		{"nothing", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, e := range readAll(t, strings.NewReader(c.in)) {
				got = append(got, string(e.Raw))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
	if err := MBOX(strings.NewReader("Subject: no mbox\n"), func(Entry) error { return nil }); !errors.Is(err, ErrNotMBOX) {
		t.Errorf("a single message was read as an mbox: %v", err)
	}
	broken := io.MultiReader(strings.NewReader(head+"\nA: 1\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
	if err := MBOX(broken, func(Entry) error { return nil }); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a reading error was lost: %v", err)
	}
	stop := errors.New("stop")
	if err := MBOX(strings.NewReader(head+"\nA: 1\n"), func(Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the receiver's error was lost: %v", err)
	}
}

func TestTooLargeCostsOnlyItself(t *testing.T) {
	var b bytes.Buffer
	for _, n := range []int{100, 101, 99, 5000, 10} {
		if err := WriteMBOX(&b, []byte(strings.Repeat("x", n)), "", at); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	if err := mbox(&b, 100, func(e Entry) error {
		got = append(got, fmt.Sprint(len(e.Raw), errors.Is(e.Err, ErrTooLarge)))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"100 false", "0 true", "99 false", "0 true", "10 false"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestStatusFlags(t *testing.T) {
	e := readAll(t, strings.NewReader("From a@b Thu Mar 28 09:00:05 2019\nStatus: RO\nX-Status: AF\n\nStatus: D\n\n"))
	if want := []string{`\Seen`, `\Answered`, `\Flagged`}; !slices.Equal(e[0].Flags, want) {
		t.Errorf("got %v, want %v", e[0].Flags, want)
	}
}

func TestMaildir(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s), ModTime: at} }
	fsys := fstest.MapFS{
		"cur/1553763600.1.host:2,FS": file("a\r\n"),
		"new/msg":                    file("b"),
		"tmp/half":                   file("no"),
		"cur/link":                   &fstest.MapFile{Data: []byte("/etc/passwd"), Mode: os.ModeSymlink},
		"dovecot-uidlist":            file("no"),
		".Entw&APw-rfe.2019/cur/1553763601.x:2,DRT": file("c"),
		".Entw&APw-rfe.2019/maildirfolder":          file(""),
		"Archive/cur/1553763602.x;2,P":              file("d"),
		"Archive/Old/new/1553763603.x":              file(""),
	}
	var got []string
	err := Maildir(fsys, func(e Entry) error {
		got = append(got, fmt.Sprintf("%s %s %v %d %v", e.Folder, e.Raw, e.Flags, e.Received.Unix(), e.Err))
		return nil
	})
	want := []string{
		"INBOX a\r\n [\\Flagged \\Seen] 1553763600 <nil>", "INBOX b [] 1553763605 <nil>", `Entwürfe/2019 c [\Draft \Answered \Deleted] 1553763601 <nil>`,
		"Archive d [$Forwarded] 1553763602 <nil>", "Archive/Old  [] 1553763603 <nil>",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v\ngot  %q\nwant %q", err, got, want)
	}
	if err := Maildir(fstest.MapFS{"mail/readme": file("x")}, func(Entry) error { return nil }); !errors.Is(err, ErrNotMaildir) {
		t.Errorf("an ordinary folder was read as a Maildir: %v", err)
	}
}

func TestMaildirOnDiskFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"cur", "new", "secret"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, link := range map[string]string{"cur/real": "", "new/link": filepath.Join(dir, "secret")} {
		var err error
		if link == "" {
			err = os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600)
		} else {
			err = os.Symlink(link, filepath.Join(dir, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	if err := Maildir(os.DirFS(dir), func(e Entry) error { n++; return e.Err }); err != nil || n != 1 {
		t.Errorf("%d messages, %v", n, err)
	}
}

func TestEML(t *testing.T) {
	for _, raw := range awkward {
		var b bytes.Buffer
		if err := WriteEML(&b, []byte(raw)); err != nil {
			t.Fatal(err)
		}
		if e, err := EML(&b); err != nil || string(e.Raw) != raw {
			t.Errorf("%.80q came back as %.80q, %v", raw, e.Raw, err)
		}
	}
	if _, _, err := readBounded(strings.NewReader("12345"), 4); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large, yet %v", err)
	}
}

func FuzzMBOX(f *testing.F) {
	for i, raw := range awkward {
		f.Add([]byte(raw), []byte(awkward[(i+1)%len(awkward)]))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		// Any bytes are read without a panic and none are made up.
		n := 0
		_ = MBOX(bytes.NewReader(a), func(e Entry) error { n += len(e.Raw); return nil })
		if n > len(a) {
			t.Fatalf("%d bytes out of %d", n, len(a))
		}
		var box bytes.Buffer
		for _, raw := range [][]byte{a, b, a} {
			if err := WriteMBOX(&box, raw, "a@b", at); err != nil {
				t.Fatal(err)
			}
		}
		var got [][]byte
		if err := MBOX(&box, func(e Entry) error { got = append(got, e.Raw); return e.Err }); err != nil {
			t.Fatal(err)
		}
		if len(got) != 3 || !bytes.Equal(got[0], a) || !bytes.Equal(got[1], b) || !bytes.Equal(got[2], a) {
			t.Fatalf("%q %q %q came back as %q", a, b, a, got)
		}
	})
}
