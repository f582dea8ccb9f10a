package smtpd

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestParsePath(t *testing.T) {
	for _, c := range []struct {
		arg, address, params string
		ok                   bool
	}{
		{"FROM:<a@b.example>", "a@b.example", "", true},
		{"from: <a@b.example> SIZE=1 BODY=7BIT", "a@b.example", "SIZE=1 BODY=7BIT", true},
		{"FROM:<>", "", "", true},
		{"FROM:<@r.example,@s.example:a@b.example>", "a@b.example", "", true},
		{"FROM:<postmaster>", "postmaster", "", true},
		{`FROM:<"a>b c"@b.example>`, `"a>b c"@b.example`, "", true},
		{"FROM:<é@bücher.example>", "é@bücher.example", "", true},
		{"FROM:<a@[192.0.2.1]>", "a@[192.0.2.1]", "", true},
		{"FROM:a@b.example", "", "", false},
		{"FROM:<a@b.example", "", "", false},
		{"FROM:<a@b.example>SIZE=1", "", "", false},
		{"FROM:<a>", "", "", false},
		{"FROM:<a b@c.example>", "", "", false},
		{"FROM:<a@b@c.example>", "", "", false},
		{"FROM:<@r.example>", "", "", false},
		{"FROM:<a@b.example\t>", "", "", false},
		{"FROM:<" + strings.Repeat("a", 65) + "@b.example>", "", "", false},
		{"FROM:<a@" + strings.Repeat("b", 300) + ">", "", "", false},
		{"FRO", "", "", false},
	} {
		address, params, ok := parsePath(c.arg, "FROM:")
		if ok != c.ok || address != c.address && ok || ok && strings.Join(params, " ") != c.params {
			t.Errorf("%q: %q %q %v", c.arg, address, params, ok)
		}
	}
}

func TestReadMessageAcrossBuffers(t *testing.T) {
	// The CR and the LF of one line in two pieces of the reader, and a long line
	// that begins with a dot.
	for n := 8; n < 40; n++ {
		body := strings.Repeat("x", n) + "\r\n." + strings.Repeat("y", n) + "\r\n"
		r := bufio.NewReaderSize(strings.NewReader(stuffed(body)), 16)
		raw, err := readMessage(r, 1000, roomy)
		if err != nil || string(raw) != body {
			t.Errorf("%d: %q, %v", n, raw, err)
		}
		r = bufio.NewReaderSize(strings.NewReader(strings.Repeat("x", n)+"\rz\r\n.\r\n"), 16)
		if _, err := readMessage(r, 1000, roomy); !errors.Is(err, errBare) {
			t.Errorf("%d: a bare CR: %v", n, err)
		}
	}
}

func roomy(int) bool { return true }

func TestReadMessageWithoutRoom(t *testing.T) {
	in := strings.Repeat("x", 50) + "\r\nmore\r\n.\r\nQUIT\r\n"
	left := 60
	for _, c := range []struct {
		name string
		most int64
		room func(int) bool
		want error
	}{
		{"too large", 40, roomy, errBig},
		{"too large at the last line", 55, roomy, errBig},
		{"no memory", 1000, func(int) bool { return false }, errRoom},
		{"memory for a part", 1000, func(n int) bool { left -= n; return left > 10 }, errRoom},
		{"both", 55, func(int) bool { return false }, errRoom},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := bufio.NewReaderSize(strings.NewReader(in), 16)
			raw, err := readMessage(r, c.most, c.room)
			if !errors.Is(err, c.want) || raw != nil {
				t.Errorf("%q, %v, wanted %v", raw, err, c.want)
			}
			// The conversation goes on where the message ended.
			if line, err := readCommand(r, lineMost); line != "QUIT" || err != nil {
				t.Errorf("%q, %v", line, err)
			}
		})
	}
}

func TestReadCommandIsBounded(t *testing.T) {
	for _, n := range []int{lineMost - 2, lineMost - 1, lineMostAuth} {
		_, err := readCommand(bufio.NewReader(strings.NewReader(strings.Repeat("x", n)+"\r\n")), lineMost)
		if errors.Is(err, errLong) != (n > lineMost-2) {
			t.Errorf("%d: %v", n, err)
		}
	}
}

// stuffed is a message as a client sends it.
func stuffed(body string) string {
	lines := strings.SplitAfter(body, "\r\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") {
			lines[i] = "." + l
		}
	}
	return strings.Join(lines, "") + ".\r\n"
}

// FuzzReadMessage holds what is accepted to what smuggling needs broken: no CR,
// LF or NUL but in CRLF, and the end only at CRLF.CRLF, whatever the buffer.
func FuzzReadMessage(f *testing.F) {
	for _, s := range []string{".\r\n", "a\r\n.\r\n", "a\n.\r\n.\r\n", "..\r\n.\r\n", "a\r\n.\nb\r\n.\r\n", "a\r\n.\r\r\n.\r\n", "\x00\r\n.\r\n", strings.Repeat("a", 40) + "\r\n.\r\nQUIT\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(in), 16)
		raw, err := readMessage(r, 1<<20, roomy)
		wide, wideErr := readMessage(bufio.NewReaderSize(bytes.NewReader(in), 1<<16), 1<<20, roomy)
		if (err == nil) != (wideErr == nil) || err == nil && !bytes.Equal(raw, wide) {
			t.Fatalf("the buffer's size matters: %q, %v and %q, %v", raw, err, wide, wideErr)
		}
		if err != nil {
			return
		}
		left, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if plain := bytes.ReplaceAll(raw, []byte("\r\n"), nil); bytes.ContainsAny(plain, "\r\n\x00") {
			t.Fatalf("accepted %q", raw)
		}
		if again := stuffed(string(raw)) + string(left); again != string(in) && len(raw) > 0 && !dotted(in) {
			t.Fatalf("%q became %q", in, again)
		}
	})
}

// dotted says that a line begins with a dot that needs none: a client's lapse
// that is read kindly (RFC 5321, 4.5.2), so the text cannot be made again.
func dotted(in []byte) bool {
	for _, l := range bytes.SplitAfter(in, []byte("\r\n")) {
		if len(l) > 1 && l[0] == '.' && l[1] != '.' && string(l) != ".\r\n" {
			return true
		}
	}
	return false
}

// FuzzCommand holds the lines that are accepted to what a field can hold.
func FuzzCommand(f *testing.F) {
	for _, s := range []string{"MAIL FROM:<a@b.example> SIZE=1\r\n", "RCPT TO:<\"a b\"@c.example>\r\n", "EHLO [127.0.0.1]\r\n", "MAIL FROM:<@x:a@b>\r\n", "\r\n", "a\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		line, err := readCommand(bufio.NewReader(bytes.NewReader(in)), lineMost)
		if err != nil {
			return
		}
		if strings.ContainsAny(line, "\r\n\x00") {
			t.Fatalf("accepted %q", line)
		}
		_, arg, _ := strings.Cut(line, " ")
		if isHelo(arg) && strings.ContainsAny(arg, " ()<>\"\t") {
			t.Fatalf("a name %q", arg)
		}
		for _, keyword := range []string{"FROM:", "TO:"} {
			address, _, ok := parsePath(arg, keyword)
			if ok && (strings.ContainsAny(address, "\r\n\x00") || len(address) > pathMost) {
				t.Fatalf("an address %q", address)
			}
		}
	})
}
