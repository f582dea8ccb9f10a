package archive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// noFinalLF stands at the end of a "From " line when the message does not end in a line end. Readers of mbox look at the address
// and the date of that line and no further, so the archive stays an mbox like any other.
const noFinalLF = " no-final-newline"

// WriteMBOX appends one message to an mbox: a "From " line, the message with every line of ">…From " quoted once more (mboxrd),
// and an empty line. A message without a last line end gets one, and a mark in the "From " line that says so. Nothing else is
// changed, so that [MBOX] gives the same bytes back.
func WriteMBOX(w io.Writer, raw []byte, from string, at time.Time) error {
	if from == "" || len(from) > 320 || strings.ContainsAny(from, " \t\r\n\x00") {
		from = "MAILER-DAEMON"
	}
	if at = at.UTC(); at.Year() < 1970 || at.Year() > 9999 {
		at = time.Unix(0, 0).UTC()
	}
	out := make([]byte, 0, len(raw)+len(raw)/64+100)
	out = fmt.Appendf(out, "From %s %s", from, at.Format(time.ANSIC))
	final := bytes.HasSuffix(raw, []byte{'\n'})
	if !final {
		out = append(out, noFinalLF...)
	}
	out = append(out, '\n')
	for rest := raw; len(rest) > 0; {
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line = rest[:i+1]
		}
		rest = rest[len(line):]
		if isFrom(bytes.TrimLeft(line, ">")) {
			out = append(out, '>')
		}
		out = append(out, line...)
	}
	if !final {
		out = append(out, '\n')
	}
	out = append(out, '\n')
	if _, err := w.Write(out); err != nil {
		return fmt.Errorf("couldn't write the mbox: %w", err)
	}
	return nil
}

func isFrom(line []byte) bool { return bytes.HasPrefix(line, []byte("From ")) }

// MBOX reads an mbox (RFC 4155) and gives each message to each, whose error ends the reading. A line begins a message when it
// starts with "From " and has a date as mbox writes it; other lines with "From " are text, since not every program quotes them.
func MBOX(r io.Reader, each func(Entry) error) error { return mbox(r, MaxMessage, each) }

func mbox(r io.Reader, limit int, each func(Entry) error) error {
	m := mboxReader{br: bufio.NewReaderSize(r, 64<<10), limit: limit, each: each}
	for {
		line, start, err := m.line()
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("couldn't read the mbox: %w", err)
		}
		if len(line) > 0 {
			if err := m.take(line, start); err != nil {
				return err
			}
		}
		if err != nil {
			return m.flush()
		}
	}
}

// An mboxReader holds the message that is being read.
type mboxReader struct {
	br     *bufio.Reader
	limit  int
	each   func(Entry) error
	offset int64
	begun  bool
	inLine bool   // the last piece did not end its line
	inFrom bool   // that line is a "From " line
	quotes []byte // the start of a line that is all ">" so far

	at       int64 // offset of the "From " line
	received time.Time
	crlf     bool // the "From " line ended in CRLF: so does the empty line before the next one
	marked   bool
	buf      []byte
	size     int64
}

// line is the next line, or a piece of one that is longer than the buffer. It is valid until the next call. The first piece goes on
// until it is known whether the line is a quoted "From ".
func (m *mboxReader) line() (line []byte, start bool, err error) {
	start, m.quotes = !m.inLine, m.quotes[:0]
	for {
		line, err = m.br.ReadSlice('\n')
		m.inLine = errors.Is(err, bufio.ErrBufferFull)
		if len(m.quotes) > 0 {
			m.quotes = append(m.quotes, line...)
			line = m.quotes
		}
		if !m.inLine {
			return line, start, err
		}
		if !start || len(bytes.TrimLeft(line, ">")) >= len("From ") || len(line) > m.limit {
			return line, start, nil
		}
		if len(m.quotes) == 0 {
			m.quotes = append(m.quotes, line...)
		}
	}
}

func (m *mboxReader) take(line []byte, start bool) error {
	defer func(n int) { m.offset += int64(n) }(len(line))
	if !start && m.inFrom {
		return nil
	}
	m.inFrom = false
	if start && isFrom(line) {
		if at, ok := fromDate(line); ok || !m.begun {
			if err := m.flush(); err != nil {
				return err
			}
			text := bytes.TrimRight(line, "\r\n")
			m.begun, m.inFrom, m.at, m.received = true, true, m.offset, at
			m.crlf = bytes.HasSuffix(line, []byte("\r\n"))
			m.marked = bytes.HasSuffix(text, []byte(noFinalLF))
			return nil
		}
	}
	if !m.begun {
		if len(bytes.TrimSpace(line)) == 0 {
			return nil
		}
		return ErrNotMBOX
	}
	if start && line[0] == '>' && isFrom(bytes.TrimLeft(line, ">")) {
		line = line[1:]
	}
	m.size += int64(len(line))
	// Two line ends more than the limit may be the archive's own.
	if m.size <= int64(m.limit)+4 {
		m.buf = append(m.buf, line...)
	} else {
		m.buf = nil
	}
	return nil
}

// flush gives away the message that ends here.
func (m *mboxReader) flush() error {
	if !m.begun {
		return nil
	}
	e := Entry{Received: m.received, Name: fmt.Sprintf("offset %d", m.at), Size: m.size}
	if m.size > int64(m.limit)+4 {
		e.Err = fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, m.size, m.limit)
	} else {
		e.Raw = m.strip(m.buf)
		if e.Size = int64(len(e.Raw)); e.Size > int64(m.limit) {
			e.Raw, e.Err = nil, fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, e.Size, m.limit)
		}
		e.Flags = statusFlags(e.Raw)
	}
	m.buf, m.size = nil, 0
	return m.each(e)
}

// strip takes the empty line away that ends a message in an mbox, and the line end that WriteMBOX added.
func (m *mboxReader) strip(b []byte) []byte {
	eol := "\n"
	if m.crlf {
		eol = "\r\n"
	}
	if rest, ok := bytes.CutSuffix(b, []byte(eol)); ok && (len(rest) == 0 || rest[len(rest)-1] == '\n') {
		b = rest
		if m.marked {
			b = bytes.TrimSuffix(b, []byte(eol))
		}
	}
	return b[:len(b):len(b)]
}

// fromDate finds the date in "From ana@outlook.example Thu Mar 28 09:00:00 2019", with or without a zone before or after the year.
func fromDate(line []byte) (time.Time, bool) {
	words := strings.Fields(string(line[:min(len(line), 500)]))
	for i := range words {
		if i+3 >= len(words) || i < 1 || !isWeekday(words[i]) {
			continue
		}
		for _, layout := range []string{"Mon Jan 2 15:04:05 2006", "Mon Jan 2 15:04 2006", "Mon Jan 2 15:04:05 2006 -0700", "Mon Jan 2 15:04:05 -0700 2006", "Mon Jan 2 15:04:05 MST 2006", "Mon 2 Jan 15:04:05 2006"} {
			n := len(strings.Fields(layout))
			if i+n > len(words) {
				continue
			}
			if layout == "Mon Jan 2 15:04:05 2006" && i+n < len(words) && isZone(words[i+n]) {
				continue
			}
			if t, err := time.Parse(layout, strings.Join(words[i:i+n], " ")); err == nil && t.Year() > 0 {
				return t.UTC(), true
			}
		}
	}
	return time.Time{}, false
}

func isWeekday(s string) bool {
	switch s {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		return true
	}
	return false
}

func isZone(s string) bool { return len(s) == 5 && (s[0] == '+' || s[0] == '-') }

// statusFlags reads the flags that mail programs keep in the Status and X-Status fields of an mbox. The fields stay in the message.
func statusFlags(raw []byte) (flags []string) {
	head := raw[:min(len(raw), 64<<10)]
	for len(head) > 0 {
		line, rest, _ := bytes.Cut(head, []byte{'\n'})
		head = rest
		line = bytes.TrimRight(line, "\r")
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte{':'})
		if !ok || !bytes.EqualFold(name, []byte("Status")) && !bytes.EqualFold(name, []byte("X-Status")) {
			continue
		}
		for _, c := range bytes.TrimSpace(value) {
			switch c {
			case 'R':
				flags = appendOnce(flags, `\Seen`)
			case 'A':
				flags = appendOnce(flags, `\Answered`)
			case 'F':
				flags = appendOnce(flags, `\Flagged`)
			case 'D':
				flags = appendOnce(flags, `\Deleted`)
			case 'T':
				flags = appendOnce(flags, `\Draft`)
			}
		}
	}
	return flags
}

func appendOnce(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}
