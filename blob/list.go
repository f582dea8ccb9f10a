package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// List gives every blob's name and when it was written, in no order, until each
// gives an error. A blob that is put or deleted meanwhile may be left out; each
// may put and delete.
func (d *Disk) List(ctx context.Context, each func(name Name, written time.Time) error) error {
	for i := range d.folders {
		if err := listFolder(ctx, d.folders[i].path, each); err != nil {
			return err
		}
	}
	return nil
}

// listed is how many entries are read at once, so that a folder of a million
// costs no more memory than one of a thousand.
const listed = 1000

func listFolder(ctx context.Context, path string, each func(Name, time.Time) error) error {
	dir, err := os.Open(path)
	if err != nil {
		return classify(fmt.Errorf("couldn't list blobs: %w", err))
	}
	defer dir.Close()
	for {
		entries, err := dir.ReadDir(listed)
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return err
			}
			name := Name(strings.ReplaceAll(e.Name(), ".", "/"))
			if name.check() != nil || !e.Type().IsRegular() {
				continue // not ours
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return classify(fmt.Errorf("couldn't list blobs: %w", err))
			}
			if err := each(name, info.ModTime()); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return classify(fmt.Errorf("couldn't list blobs: %w", err))
		}
	}
}
