package archive

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// maxFolderDepth bounds the folders below a Maildir.
const maxFolderDepth = 20

// ErrNotMaildir is the answer for a folder in which there is no Maildir.
var ErrNotMaildir = errors.New("the folder is no Maildir: it has no \"cur\" and no \"new\" in it")

// Maildir reads a Maildir and the folders in it, both as Maildir++ writes them (".Sent.2019", names in the UTF-7 of RFC 3501,
// 5.1.3) and as folders in folders. Files in "tmp", links and what else is no regular file are left alone. Each message is given
// to each, in the order of the names; an error of each ends the reading.
func Maildir(fsys fs.FS, each func(Entry) error) error {
	m := maildir{fsys: fsys, each: each, limit: MaxMessage}
	if err := m.folder(".", "INBOX", 0); err != nil {
		return err
	}
	if !m.found {
		return ErrNotMaildir
	}
	return nil
}

type maildir struct {
	fsys  fs.FS
	each  func(Entry) error
	limit int64
	found bool
}

func (m *maildir) folder(dir, name string, depth int) error {
	if depth > maxFolderDepth {
		return m.each(Entry{Name: dir, Err: errors.New("the folders are nested too deep")})
	}
	list, err := fs.ReadDir(m.fsys, dir)
	if err != nil {
		return fmt.Errorf("couldn't list the Maildir: %w", err)
	}
	for _, box := range []string{"cur", "new"} {
		for _, d := range list {
			if d.Name() == box && d.IsDir() {
				m.found = true
				if err := m.messages(path.Join(dir, box), name, box); err != nil {
					return err
				}
			}
		}
	}
	for _, d := range list {
		switch sub := d.Name(); {
		case !d.IsDir(), sub == "cur", sub == "new", sub == "tmp":
		case strings.HasPrefix(sub, "."):
			if levels := strings.Split(sub[1:], "."); levels[0] != "" {
				for i := range levels {
					levels[i] = strings.ReplaceAll(mailboxName(levels[i]), "/", "_")
				}
				if err := m.folder(path.Join(dir, sub), strings.Join(levels, "/"), depth+1); err != nil {
					return err
				}
			}
		default:
			below := mailboxName(sub)
			if dir != "." {
				below = name + "/" + below
			}
			if err := m.folder(path.Join(dir, sub), below, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *maildir) messages(dir, folder, box string) error {
	list, err := fs.ReadDir(m.fsys, dir)
	if err != nil {
		return m.each(Entry{Name: dir, Folder: folder, Err: err})
	}
	for _, d := range list {
		if !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") {
			continue
		}
		e := Entry{Name: path.Join(dir, d.Name()), Folder: folder}
		base, flags := splitFlags(d.Name())
		if box == "cur" {
			e.Flags = flags
		}
		e.Received = receivedAt(base, d)
		e.Raw, e.Size, e.Err = m.read(e.Name)
		if err := m.each(e); err != nil {
			return err
		}
	}
	return nil
}

func (m *maildir) read(name string) (raw []byte, size int64, err error) {
	f, err := m.fsys.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	return readBounded(f, m.limit)
}

// splitFlags reads "1553763600.M1P2.host:2,FS". Where a file system has no colons, programs write ";" or "!".
func splitFlags(name string) (base string, flags []string) {
	i := -1
	for _, info := range []string{":2,", ";2,", "!2,", "-2,"} {
		if i = strings.LastIndex(name, info); i >= 0 {
			break
		}
	}
	if i < 0 {
		return name, nil
	}
	for _, c := range name[i+3:] {
		switch c {
		case 'S':
			flags = append(flags, `\Seen`)
		case 'R':
			flags = append(flags, `\Answered`)
		case 'F':
			flags = append(flags, `\Flagged`)
		case 'T':
			flags = append(flags, `\Deleted`)
		case 'D':
			flags = append(flags, `\Draft`)
		case 'P':
			flags = append(flags, `$Forwarded`)
		}
	}
	return name[:i], flags
}

// receivedAt is the time in the name, else the time of the file.
func receivedAt(base string, d fs.DirEntry) time.Time {
	sec, _, _ := strings.Cut(base, ".")
	if n, err := strconv.ParseInt(sec, 10, 64); err == nil && n > 0 && n < 1<<33 {
		return time.Unix(n, 0).UTC()
	}
	if info, err := d.Info(); err == nil {
		return info.ModTime().UTC()
	}
	return time.Time{}
}

// mailboxName undoes the modified UTF-7 of mailbox names (RFC 3501, 5.1.3); a name that is not in it stays as it is.
func mailboxName(s string) string {
	s = strings.ToValidUTF8(s, "_")
	var out strings.Builder
	for rest := s; rest != ""; {
		before, after, shifted := strings.Cut(rest, "&")
		out.WriteString(before)
		if !shifted {
			break
		}
		code, tail, closed := strings.Cut(after, "-")
		if !closed {
			return s
		}
		rest = tail
		if code == "" {
			out.WriteByte('&')
			continue
		}
		b, err := base64.RawStdEncoding.DecodeString(strings.ReplaceAll(code, ",", "/"))
		if err != nil || len(b)%2 != 0 {
			return s
		}
		units := make([]uint16, len(b)/2)
		for i := range units {
			units[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
		}
		out.WriteString(string(utf16.Decode(units)))
	}
	return out.String()
}
