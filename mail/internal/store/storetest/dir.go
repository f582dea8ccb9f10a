package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/postern-mail/postern/blob"
)

// Dir keeps blobs in a folder that a test can look into, and can be told that
// the disk is full. Tests that need neither take blob.Disk.
type Dir struct {
	Root string
	// Full is what Put gives, where it is set.
	Full error
}

// Put writes a file of that name once.
func (d *Dir) Put(_ context.Context, name blob.Name, b []byte) error {
	if d.Full != nil {
		return d.Full
	}
	p := filepath.Join(d.Root, filepath.FromSlash(string(name)))
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("couldn't put a blob: %w", err)
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// Open opens it.
func (d *Dir) Open(_ context.Context, name blob.Name) (io.ReadSeekCloser, error) {
	f, err := os.Open(filepath.Join(d.Root, filepath.FromSlash(string(name))))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, blob.ErrNotFound
	}
	return f, err
}

// Delete removes it.
func (d *Dir) Delete(_ context.Context, name blob.Name) error {
	err := os.Remove(filepath.Join(d.Root, filepath.FromSlash(string(name))))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// List gives the names and when they were written.
func (d *Dir) List(_ context.Context, each func(blob.Name, time.Time) error) error {
	return filepath.WalkDir(d.Root, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(d.Root, p)
		if err != nil {
			return err
		}
		return each(blob.Name(filepath.ToSlash(rel)), info.ModTime())
	})
}
