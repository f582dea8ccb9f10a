package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/mail"
)

// ImportIn names an account by its address and an archive by its path.
type ImportIn struct {
	Account string `json:"account"`
	Path    string `json:"path"`
	Mailbox string `json:"mailbox"` // "" keeps the archive's folders
	Format  string `json:"format"`  // "auto", "mbox", "maildir", "eml"
}

// ImportOut says what became of the messages; Taken and the numbers of Refused
// together are all of them.
type ImportOut struct {
	Taken    int            `json:"taken"`
	Whole    int            `json:"whole"`    // taken, and read without a guess
	Repaired int            `json:"repaired"` // taken, and guessed at for display; the bytes are as they came
	Repairs  map[string]int `json:"repairs"`
	Refused  map[string]int `json:"refused"`
	Examples []string       `json:"examples,omitempty"` // of refusals
	Bytes    int64          `json:"bytes"`
}

// RefusedTotal counts what was not taken.
func (o ImportOut) RefusedTotal() int {
	n := 0
	for _, v := range o.Refused {
		n += v
	}
	return n
}

func importMail(ctx context.Context, n *Node, in ImportIn, r report) (ImportOut, error) {
	a, err := n.Accounts.ByAddress(ctx, in.Account)
	if err != nil {
		return ImportOut{}, err
	}
	source, closeSource, err := archiveAt(in.Path, in.Format)
	if err != nil {
		return ImportOut{}, err
	}
	defer closeSource()
	got, err := n.Mail.Import(ctx, a.ID, source, mail.ImportOptions{Mailbox: in.Mailbox, Progress: func(done int) { r(int64(done), 0) }})
	out := ImportOut{Taken: got.Taken, Whole: got.Whole, Repaired: got.Taken - got.Whole, Repairs: got.Repaired, Refused: got.Refused, Bytes: got.Bytes}
	for _, e := range got.Examples {
		out.Examples = append(out.Examples, e.Name+": "+e.Reason)
	}
	if err != nil {
		return out, fmt.Errorf("%w (%d messages were taken before that and are kept)", err, got.Taken)
	}
	return out, nil
}

// archiveAt opens a path as the format says, or as it looks.
func archiveAt(path, format string) (mail.Source, func(), error) {
	nothing := func() {}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nothing, &postern.Error{Kind: postern.NotFound, Text: fmt.Sprintf("there is no %s", path)}
	}
	if err != nil {
		return nil, nothing, fmt.Errorf("couldn't read the archive: %w", err)
	}
	if format == "auto" || format == "" {
		format = formatOf(path, info)
	}
	switch {
	case info.IsDir() && format == "maildir":
		return mail.Maildir(os.DirFS(path)), nothing, nil
	case info.IsDir() && format == "eml":
		return mail.EML(os.DirFS(path)), nothing, nil
	case info.IsDir() || format == "maildir":
		return nil, nothing, invalid("%s is not a %s archive", path, format)
	case format == "eml":
		return mail.EML(oneFile(path)), nothing, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nothing, fmt.Errorf("couldn't read the archive: %w", err)
	}
	return mail.MBOX(f), func() { f.Close() }, nil
}

func formatOf(path string, info fs.FileInfo) string {
	if info.IsDir() {
		if _, err := os.Stat(filepath.Join(path, "cur")); err == nil {
			return "maildir"
		}
		return "eml"
	}
	f, err := os.Open(path)
	if err != nil {
		return "mbox"
	}
	defer f.Close()
	// RFC 4155: an mbox begins with "From ".
	if head, _ := bufio.NewReader(f).Peek(5); string(head) == "From " && filepath.Ext(path) != ".eml" {
		return "mbox"
	}
	return "eml"
}

// oneFile is a folder that holds one file of a larger one.
type oneFile string

func (o oneFile) Open(name string) (fs.File, error) {
	if name == filepath.Base(string(o)) {
		return os.Open(string(o))
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (o oneFile) ReadDir(name string) ([]fs.DirEntry, error) {
	info, err := os.Stat(string(o))
	if err != nil {
		return nil, err
	}
	return []fs.DirEntry{fs.FileInfoToDirEntry(info)}, nil
}

// Stat makes the root a folder, which the file system below is not.
func (o oneFile) Stat(name string) (fs.FileInfo, error) {
	if name == "." {
		return os.Stat(filepath.Dir(string(o)))
	}
	return os.Stat(string(o))
}

// ExportIn names an account by its address and where its mail goes.
type ExportIn struct {
	Account string `json:"account"`
	Path    string `json:"path"`
	Format  string `json:"format"`
}

// ExportOut counts what was written.
type ExportOut struct {
	Messages int   `json:"messages"`
	Bytes    int64 `json:"bytes"`
}

func exportMail(ctx context.Context, n *Node, in ExportIn, r report) (ExportOut, error) {
	a, err := n.Accounts.ByAddress(ctx, in.Account)
	if err != nil {
		return ExportOut{}, err
	}
	if err := n.takingOut(ctx, a.ID); err != nil {
		return ExportOut{}, err
	}
	got, err := n.Mail.Export(ctx, a.ID, in.Path, in.Format, func(done int) { r(int64(done), 0) })
	return ExportOut{Messages: got.Messages, Bytes: got.Bytes}, err
}

// takingOut writes to the ledger that an operator takes a mailbox out, before the
// first byte is given: a disclosure of the deepest tier, so that no proof of
// non-access can be had over it, with neither a member of staff nor a grant. Its
// messages are all of the account's. If the export then fails, the record stands.
func (n *Node) takingOut(ctx context.Context, a postern.AccountID) error {
	// Of a process that ended, rows may wait: with nobody else to take them, the
	// ledger would be behind.
	if _, err := n.Ledger.Sequence(ctx); err != nil {
		return err
	}
	if err := n.Ledger.DB.Update(ctx, func(tx *db.Tx) error {
		_, err := n.Ledger.Disclose(tx, ledger.Disclosure{Account: a, Tier: postern.TierAttachment, At: n.now(), Reason: postern.ReasonService, Fields: takenOut})
		return err
	}); err != nil {
		return fmt.Errorf("couldn't write down that the mailbox is taken out, so nothing is: %w", err)
	}
	_, err := n.Ledger.Sequence(ctx)
	return err
}

// takenOut is what an export gives.
const takenOut = postern.FieldMailboxes | postern.FieldFrom | postern.FieldTo | postern.FieldSubject | postern.FieldDate | postern.FieldSize |
	postern.FieldBody | postern.FieldAttachments | postern.FieldSource
