package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/message"
	"github.com/postern-mail/postern/message/archive"
)

// A Source gives the messages of an archive one after the other.
type Source func(each func(archive.Entry) error) error

// MBOX is a source that reads an mbox (RFC 4155).
func MBOX(r io.Reader) Source {
	return func(each func(archive.Entry) error) error { return archive.MBOX(r, each) }
}

// Maildir is a source that reads a Maildir and its folders.
func Maildir(fsys fs.FS) Source {
	return func(each func(archive.Entry) error) error { return archive.Maildir(fsys, each) }
}

// EML is a source of single files: every regular file below a folder, one
// message each, in the order of their names. Folders become mailboxes.
func EML(fsys fs.FS) Source {
	return func(each func(archive.Entry) error) error {
		return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			hidden := strings.HasPrefix(d.Name(), ".") && name != "."
			switch {
			case d.IsDir() && hidden:
				return fs.SkipDir
			case !d.Type().IsRegular() || hidden:
				return nil
			}
			e, err := readEML(fsys, name)
			e.Name, e.Err = name, err
			if e.Folder = path.Dir(name); e.Folder == "." {
				e.Folder = ""
			}
			if info, err := d.Info(); err == nil {
				e.Received = info.ModTime()
			}
			return each(e)
		})
	}
}

func readEML(fsys fs.FS, name string) (archive.Entry, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return archive.Entry{}, err
	}
	defer f.Close()
	return archive.EML(f)
}

// ImportOptions say where imported messages go.
type ImportOptions struct {
	Mailbox  string // all into this one; "" keeps the archive's folders, INBOX where it has none
	Progress func(done int)
	// SkipFull goes on after the quota is used up, counting what has no room.
	// Without it the import ends there with the error.
	SkipFull bool
}

// ImportReport says what became of the messages of an archive: Taken and the
// numbers of Refused together are Seen.
type ImportReport struct {
	Seen     int
	Taken    int
	Whole    int            // taken, and read without a guess; line ends as files have them are none
	Repaired map[string]int // taken, kind of repair for showing them → messages; the bytes are as they came
	Refused  map[string]int // reason → messages
	Examples []Refusal      // the first refusals
	Bytes    int64          // taken
}

// A Refusal names one message that was not taken.
type Refusal struct{ Name, Reason string }

// Reasons for which an import refuses a message.
const (
	RefusedEmpty    = "empty"
	RefusedTooLarge = "too-large"
	RefusedUnread   = "unreadable" // the archive could not give it
	RefusedFull     = "quota-full"
	RefusedFlags    = "flags"
)

// Batches end at whichever comes first.
const (
	importBatch  = 200
	importBytes  = 16 << 20
	maxRefusals  = 20
	importedFrom = "import"
)

// Import takes the messages of an archive into an account, byte for byte, in
// batches: what the report counts as taken is durable. A message that cannot be
// taken costs only itself; an error means that the archive or the store failed
// and the rest was not looked at.
func (m *Mail) Import(ctx context.Context, acc postern.AccountID, from Source, opt ImportOptions) (ImportReport, error) {
	im := importing{m: m, ctx: ctx, acc: acc, opt: opt, mailboxes: map[string]postern.MailboxID{},
		report: ImportReport{Repaired: map[string]int{}, Refused: map[string]int{}}}
	err := from(im.take)
	if err == nil {
		err = im.flush()
	}
	if err != nil {
		err = fmt.Errorf("couldn't import everything: %w", err)
	}
	return im.report, err
}

type importing struct {
	m         *Mail
	ctx       context.Context
	acc       postern.AccountID
	opt       ImportOptions
	report    ImportReport
	mailboxes map[string]postern.MailboxID
	batch     []store.AppendIn
	names     []string
	bytes     int
}

func (im *importing) refuse(name, reason string) {
	im.report.Refused[reason]++
	if len(im.report.Examples) < maxRefusals {
		im.report.Examples = append(im.report.Examples, Refusal{name, reason})
	}
	im.progress(1)
}

func (im *importing) progress(n int) {
	im.report.Seen += n
	if im.opt.Progress != nil {
		im.opt.Progress(im.report.Seen)
	}
}

func (im *importing) take(e archive.Entry) error {
	if err := im.ctx.Err(); err != nil {
		return err
	}
	switch {
	case errors.Is(e.Err, archive.ErrTooLarge):
		im.refuse(e.Name, RefusedTooLarge)
		return nil
	case e.Err != nil:
		im.refuse(e.Name, RefusedUnread)
		return nil
	case len(e.Raw) == 0:
		im.refuse(e.Name, RefusedEmpty)
		return nil
	}
	mb, err := im.mailbox(e.Folder)
	if err != nil {
		return err
	}
	im.batch = append(im.batch, store.AppendIn{Mailbox: mb, Raw: e.Raw, Flags: e.Flags, Internal: e.Received, Event: store.EventImported, Detail: importedFrom})
	im.names = append(im.names, e.Name)
	if im.bytes += len(e.Raw); len(im.batch) >= importBatch || im.bytes >= importBytes {
		return im.flush()
	}
	return nil
}

// mailbox finds or makes where a folder's messages go. A folder whose name
// cannot be a mailbox's goes to INBOX: its messages are not lost for that.
func (im *importing) mailbox(folder string) (postern.MailboxID, error) {
	name := im.opt.Mailbox
	if name == "" {
		name = folder
	}
	if name == "" {
		name = "INBOX"
	}
	if mb, ok := im.mailboxes[name]; ok {
		return mb, nil
	}
	mb, err := im.m.mailbox(im.ctx, im.acc, name)
	if postern.KindOf(err) == postern.Invalid && im.opt.Mailbox == "" {
		mb, err = im.m.mailbox(im.ctx, im.acc, "INBOX")
	}
	if err == nil {
		im.mailboxes[name] = mb
	}
	return mb, err
}

// flush writes the batch; when it is refused as a whole, each by itself.
func (im *importing) flush() error {
	batch, names := im.batch, im.names
	im.batch, im.names, im.bytes = nil, nil, 0
	if len(batch) == 0 {
		return nil
	}
	_, err := im.m.store.AppendMany(im.ctx, im.acc, batch)
	if err == nil {
		for i := range batch {
			im.count(batch[i].Raw)
		}
		im.progress(len(batch))
		return nil
	}
	if refusal(err) == "" {
		return err
	}
	for i := range batch {
		_, err := im.m.store.Append(im.ctx, im.acc, batch[i])
		reason := refusal(err)
		switch {
		case err == nil:
			im.count(batch[i].Raw)
			im.progress(1)
		case reason == "" || reason == RefusedFull && !im.opt.SkipFull:
			return err
		default:
			im.refuse(names[i], reason)
		}
	}
	return nil
}

// refusal is the reason when an error is about the message and not the store.
func refusal(err error) string {
	switch {
	case errors.Is(err, message.ErrEmpty):
		return RefusedEmpty
	case errors.Is(err, message.ErrTooLarge):
		return RefusedTooLarge
	case postern.KeyOf(err) == "mail.quota-full":
		return RefusedFull
	case postern.KeyOf(err) == "mail.flag-invalid":
		return RefusedFlags
	}
	return ""
}

// count reads a message that is taken once more, for what had to be guessed.
func (im *importing) count(raw []byte) {
	im.report.Taken++
	im.report.Bytes += int64(len(raw))
	read, err := message.Parse(raw)
	if err != nil {
		return // not of a message that was taken
	}
	whole := true
	for _, r := range read.Repairs {
		im.report.Repaired[r.Kind]++
		whole = whole && r.Kind == message.BareLF
	}
	if whole {
		im.report.Whole++
	}
}

// Add joins the report of another archive to this one.
func (r *ImportReport) Add(o ImportReport) {
	r.Seen += o.Seen
	r.Taken += o.Taken
	r.Whole += o.Whole
	r.Bytes += o.Bytes
	for _, c := range []struct{ to, from *map[string]int }{{&r.Repaired, &o.Repaired}, {&r.Refused, &o.Refused}} {
		if *c.to == nil {
			*c.to = map[string]int{}
		}
		for kind, n := range maps.All(*c.from) {
			(*c.to)[kind] += n
		}
	}
	r.Examples = append(r.Examples, o.Examples[:min(len(o.Examples), max(0, maxRefusals-len(r.Examples)))]...)
}

// at gives a time that archives can write.
func at(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return t.UTC()
}
