package mail

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/message/archive"
)

// The forms that Export writes.
const (
	FormMBOX    = "mbox"    // one file per mailbox, "INBOX.mbox"
	FormMaildir = "maildir" // a Maildir with folders in folders; flags and dates are kept
	FormEML     = "eml"     // one file per message, "INBOX/0000000001.eml"
)

// ExportReport counts what was written.
type ExportReport struct {
	Mailboxes, Messages int
	Bytes               int64
}

// Export writes an account's messages below a folder, byte for byte. The folder
// must be empty or not there yet: an export never overwrites. Progress, where it
// is set, is called after each message.
func (m *Mail) Export(ctx context.Context, acc postern.AccountID, folder, form string, progress func(done int)) (ExportReport, error) {
	var report ExportReport
	if !slices.Contains([]string{FormMBOX, FormMaildir, FormEML}, form) {
		return report, &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("%q is no form to export to: write mbox, maildir or eml", form)}
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return report, fmt.Errorf("couldn't make the folder to export to: %w", err)
	}
	if list, err := os.ReadDir(folder); err != nil || len(list) > 0 {
		return report, errors.Join(&postern.Error{Kind: postern.Conflict, Text: "the folder to export to is not empty: name another"}, err)
	}
	// Names of mailboxes are the customer's: a root keeps them below the folder.
	root, err := os.OpenRoot(folder)
	if err != nil {
		return report, fmt.Errorf("couldn't open the folder to export to: %w", err)
	}
	defer root.Close()
	mailboxes, err := m.store.Mailboxes(ctx, acc)
	if err != nil {
		return report, err
	}
	for _, mb := range mailboxes {
		w, err := newExport(root, form, mb.Name)
		if err != nil {
			return report, fmt.Errorf("couldn't write the export: %w", err)
		}
		err = m.store.Items(ctx, acc, mb.ID, store.All(), store.Envelope, func(it *store.Item) error {
			_, raw, err := m.store.Message(ctx, acc, it.ID)
			if err != nil {
				return err
			}
			if err := w.write(it, raw); err != nil {
				return fmt.Errorf("couldn't write the export: %w", err)
			}
			report.Messages++
			report.Bytes += int64(len(raw))
			if progress != nil {
				progress(report.Messages)
			}
			return nil
		})
		if err := errors.Join(err, w.close()); err != nil {
			return report, err
		}
		report.Mailboxes++
	}
	return report, nil
}

// export writes one mailbox.
type export struct {
	root *os.Root
	form string
	dir  string
	file *os.File // mbox
	buf  *bufio.Writer
}

func newExport(root *os.Root, form, mailbox string) (*export, error) {
	e := &export{root: root, form: form, dir: safePath(mailbox)}
	var err error
	switch form {
	case FormMBOX:
		if err = root.MkdirAll(path.Dir(e.dir), 0o700); err == nil {
			e.file, err = root.OpenFile(e.dir+".mbox", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			e.buf = bufio.NewWriterSize(e.file, 1<<16)
		}
	case FormMaildir:
		if mailbox == "INBOX" {
			e.dir = "." // the Maildir itself
		}
		for _, sub := range []string{"cur", "new", "tmp"} {
			err = errors.Join(err, root.MkdirAll(path.Join(e.dir, sub), 0o700))
		}
	case FormEML:
		err = root.MkdirAll(e.dir, 0o700)
	}
	return e, err
}

// safePath makes a path of a mailbox's name in which no level is hidden, is a
// file system's own word or a folder of Maildir's.
func safePath(mailbox string) string {
	levels := strings.Split(mailbox, "/")
	for i, level := range levels {
		level = strings.Map(func(r rune) rune {
			if r == '\\' || r == ':' || r == 0 || r == filepath.Separator {
				return '_'
			}
			return r
		}, level)
		if strings.HasPrefix(level, ".") || slices.Contains([]string{"cur", "new", "tmp"}, level) {
			level = "_" + level
		}
		levels[i] = level
	}
	return path.Join(levels...)
}

func (e *export) write(it *store.Item, raw []byte) error {
	switch e.form {
	case FormMBOX:
		return archive.WriteMBOX(e.buf, raw, it.Sender, at(it.Internal))
	case FormMaildir:
		name := fmt.Sprintf("%d.%010d.postern:2,%s", at(it.Internal).Unix(), it.UID, maildirFlags(it))
		return e.put(path.Join(e.dir, "cur", name), it.Internal, raw)
	}
	return e.put(path.Join(e.dir, fmt.Sprintf("%010d.eml", it.UID)), it.Internal, raw)
}

// put writes a file that must not be there yet, with the date of its message.
func (e *export) put(name string, date time.Time, raw []byte) error {
	f, err := e.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("two mailboxes would share the file %s: rename one", name)
	}
	if err != nil {
		return err
	}
	err = archive.WriteEML(f, raw)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return e.root.Chtimes(name, at(date), at(date))
}

// maildirFlags are in the order of the alphabet, as Maildir wants them.
func maildirFlags(it *store.Item) string {
	var s string
	for _, f := range []struct{ letter, flag string }{{"D", store.Draft}, {"F", store.Flagged}, {"P", "$Forwarded"}, {"R", store.Answered}, {"S", store.Seen}, {"T", store.Deleted}} {
		if it.Has(f.flag) {
			s += f.letter
		}
	}
	return s
}

func (e *export) close() error {
	if e.file == nil {
		return nil
	}
	return errors.Join(e.buf.Flush(), e.file.Close())
}

// ExportMBOX writes one mailbox as an mbox.
func (m *Mail) ExportMBOX(ctx context.Context, acc postern.AccountID, mailbox string, w io.Writer) (int, error) {
	mb, err := m.store.MailboxByName(ctx, acc, mailbox)
	if err != nil {
		return 0, err
	}
	n := 0
	err = m.store.Items(ctx, acc, mb.ID, store.All(), store.Envelope, func(it *store.Item) error {
		_, raw, err := m.store.Message(ctx, acc, it.ID)
		if err == nil {
			err = archive.WriteMBOX(w, raw, it.Sender, at(it.Internal))
			n++
		}
		return err
	})
	return n, err
}
