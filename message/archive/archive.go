// Package archive reads the forms in which mail is kept and moved (mbox, Maildir, single files) and writes mbox and single files.
//
// It keeps nothing. Messages go through it byte for byte: an export read back gives the same bytes.
//
// What each form can keep: a single file and a Maildir keep a message exactly. An mbox keeps what [WriteMBOX] wrote exactly (see
// there for how), flags and folders excepted. Of an mbox written by another program one level of ">From " quoting and the empty
// line before the next message are taken away; whether that program had quoted ("mboxrd") or a line really began with ">From "
// ("mboxo") cannot be known.
//
// Trust: archives come from strangers. Sizes are bounded per message, a bad message costs only itself, and in a Maildir only
// regular files are opened: no links, no devices. It never writes into what it reads.
package archive

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// MaxMessage is the size in bytes beyond which a message is reported and left out.
const MaxMessage = 64 << 20

// Errors of an Entry or of a whole archive.
var (
	ErrTooLarge = errors.New("the message is larger than the limit")
	ErrNotMBOX  = errors.New("the file is no mbox: its first line is no \"From \" line")
)

// An Entry is one message of an archive.
type Entry struct {
	Raw      []byte    // the message as it was before it was put in the archive; the receiver owns it
	Err      error     // why this message could not be read: Raw is nil, the next ones follow
	Size     int64     // bytes, also when the message was too large
	Flags    []string  // IMAP flags: \Seen \Answered \Flagged \Deleted \Draft $Forwarded
	Folder   string    // "INBOX", "Sent/2019": levels with "/"; "" when the form has none
	Received time.Time // zero when the form does not say
	Name     string    // file name, or "offset 1234" in an mbox: for reports
}

// EML reads a message that is alone in its file.
func EML(r io.Reader) (Entry, error) {
	raw, size, err := readBounded(r, MaxMessage)
	if err != nil {
		return Entry{Size: size}, fmt.Errorf("couldn't read the message: %w", err)
	}
	return Entry{Raw: raw, Size: size}, nil
}

// WriteEML writes the message as it is.
func WriteEML(w io.Writer, raw []byte) error {
	if _, err := w.Write(raw); err != nil {
		return fmt.Errorf("couldn't write the message: %w", err)
	}
	return nil
}

func readBounded(r io.Reader, limit int64) (raw []byte, size int64, err error) {
	raw, err = io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, int64(len(raw)), err
	}
	if size = int64(len(raw)); size > limit {
		return nil, size, ErrTooLarge
	}
	return raw, size, nil
}
