package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/postern-mail/postern"
)

// Disk is a Store in a directory of a local file system. The names of one
// folder share the fsync of their directory.
type Disk struct {
	root    string
	folders [256]folder
}

// unfinished is the folder of blobs that are still being written.
const unfinished = "unfinished"

// leftover is how old an unfinished blob must be to be swept: another process
// may be writing the younger ones.
const leftover = time.Hour

// OpenDisk makes the directory if need be, for its owner alone, and sweeps what
// a crash left unfinished.
func OpenDisk(root string) (*Disk, error) {
	d := &Disk{root: root}
	if err := os.MkdirAll(filepath.Join(root, unfinished), 0o700); err != nil {
		return nil, classify(fmt.Errorf("couldn't make the blobs' directory: %w", err))
	}
	old, err := os.ReadDir(filepath.Join(root, unfinished))
	if err != nil {
		return nil, classify(fmt.Errorf("couldn't read the blobs' directory: %w", err))
	}
	for _, e := range old {
		info, err := e.Info()
		if err == nil && time.Since(info.ModTime()) > leftover {
			_ = os.Remove(filepath.Join(root, unfinished, e.Name()))
		}
	}
	for i := range d.folders {
		path := filepath.Join(root, fmt.Sprintf("%02x", i))
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, classify(fmt.Errorf("couldn't make a folder for blobs: %w", err))
		}
		d.folders[i].path = path
	}
	// The folders' own entries, once: what is put into them must be reachable
	// after a crash.
	if err := syncPath(root); err != nil {
		return nil, classify(fmt.Errorf("couldn't sync the blobs' directory: %w", err))
	}
	return d, nil
}

// Put writes to a file of another name, syncs it, links it to its own name
// (which, unlike a rename, never replaces a file) and syncs the folder.
func (d *Disk) Put(ctx context.Context, name Name, b []byte) error {
	folder, final, err := d.place(name)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	temp, err := d.write(b)
	if err != nil {
		return classify(fmt.Errorf("couldn't write a blob: %w", err))
	}
	err = os.Link(temp, final)
	if errors.Is(err, fs.ErrExist) {
		err = same(final, b)
	}
	if removed := os.Remove(temp); err == nil {
		err = removed
	}
	if err == nil {
		err = folder.sync()
	}
	if err != nil {
		return classify(fmt.Errorf("couldn't keep a blob: %w", err))
	}
	return nil
}

func (d *Disk) write(b []byte) (path string, err error) {
	path = filepath.Join(d.root, unfinished, postern.NewID())
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Remove(path)
		return "", err
	}
	return path, nil
}

// same says whether a blob that stands already is this one.
func same(path string, b []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() == int64(len(b)) {
		there, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		if bytes.Equal(there, b) {
			return nil
		}
	}
	return &postern.Error{Kind: postern.Conflict, Text: "a blob of that name has other bytes"}
}

// Open opens a blob for reading.
func (d *Disk) Open(ctx context.Context, name Name) (io.ReadSeekCloser, error) {
	_, path, err := d.place(name)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, classify(fmt.Errorf("couldn't open a blob: %w", err))
	}
	return f, nil
}

// Delete removes a blob. A crash may bring it back.
func (d *Disk) Delete(ctx context.Context, name Name) error {
	_, path, err := d.place(name)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return classify(fmt.Errorf("couldn't delete a blob: %w", err))
	}
	return nil
}

// place gives the folder and the file of a name. '/' is written '.', which no
// name has.
func (d *Disk) place(name Name) (*folder, string, error) {
	if err := name.check(); err != nil {
		return nil, "", err
	}
	f := &d.folders[hex(name[len(name)-2])<<4|hex(name[len(name)-1])]
	return f, filepath.Join(f.path, strings.ReplaceAll(string(name), "/", ".")), nil
}

func hex(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

// folder shares one fsync of its directory among the callers who wait for it.
type folder struct {
	path string

	mu      sync.Mutex
	arrived int64 // callers so far

	turn    sync.Mutex
	covered int64 // callers whose files a finished fsync has made durable
}

// sync returns when an fsync has begun after it was called and has ended well.
func (f *folder) sync() error {
	f.mu.Lock()
	f.arrived++
	me := f.arrived
	f.mu.Unlock()
	f.turn.Lock()
	defer f.turn.Unlock()
	if f.covered >= me {
		return nil
	}
	f.mu.Lock()
	all := f.arrived
	f.mu.Unlock()
	if err := syncPath(f.path); err != nil {
		return err
	}
	f.covered = all
	return nil
}

func syncPath(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func classify(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &postern.Error{Kind: postern.Unavailable, Key: "error.disk-full", Text: "the disk is full: free some space and try again; nothing was lost", Err: err}
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.EROFS):
		return &postern.Error{Kind: postern.Unavailable, Key: "error.disk", Text: "the disk cannot be read or written: check it, then try again", Err: err}
	}
	return err
}
