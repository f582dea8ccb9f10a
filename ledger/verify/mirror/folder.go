package mirror

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Folder is a copy in a folder, as any web server can serve it.
func Folder(dir string) (Target, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return folder(dir), nil
}

// Put is part of Target.
func (f folder) Put(_ context.Context, path string, b []byte) (err error) {
	if !filepath.IsLocal(path) {
		return fs.ErrInvalid
	}
	file := filepath.Join(string(f), filepath.FromSlash(path))
	dir := filepath.Dir(file)
	if err := f.makeDir(dir); err != nil {
		return err
	}
	t, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(t.Name())
		}
	}()
	_, err = t.Write(b)
	if err = errors.Join(err, t.Chmod(0o644), t.Sync(), t.Close()); err != nil {
		return err
	}
	if err := os.Rename(t.Name(), file); err != nil {
		return err
	}
	return syncDir(dir)
}

// makeDir makes a folder and those above it, each on the disk.
func (f folder) makeDir(dir string) error {
	err := os.Mkdir(dir, 0o755)
	switch {
	case err == nil:
		return syncDir(filepath.Dir(dir))
	case errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrNotExist) && len(dir) > len(string(f)):
		if err := f.makeDir(filepath.Dir(dir)); err != nil {
			return err
		}
		return f.makeDir(dir)
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Full is part of Target: readers take the whole tile where a part is gone
// (c2sp.org/tlog-tiles).
func (f folder) Full(_ context.Context, path string) error {
	return os.RemoveAll(filepath.Join(string(f), filepath.FromSlash(path)+".p"))
}
