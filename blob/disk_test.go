package blob_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-mail/postern/blob"
	"github.com/postern-mail/postern/blob/blobtest"
)

var ctx = context.Background()

func disk(t testing.TB, dir string) *blob.Disk {
	t.Helper()
	d, err := blob.OpenDisk(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDisk(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) func() blob.Store {
		dir := t.TempDir()
		return func() blob.Store { return disk(t, dir) }
	})
}

func TestNobodyElseCanRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blobs")
	if err := disk(t, dir).Put(ctx, "aa/01", []byte("x")); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s is %v", path, info.Mode())
		}
		return nil
	})
	if err != nil || files != 1 {
		t.Errorf("%d files, %v", files, err)
	}
}

func TestLeftoversOfACrashAreSwept(t *testing.T) {
	dir := t.TempDir()
	disk(t, dir)
	old, young := filepath.Join(dir, "unfinished", "old"), filepath.Join(dir, "unfinished", "young")
	for _, path := range []string{old, young} {
		if err := os.WriteFile(path, []byte("half a mess"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(old, before, before); err != nil {
		t.Fatal(err)
	}
	disk(t, dir)
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the leftover is still there: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("another process's unfinished blob is gone: %v", err)
	}
}

// BenchmarkPut measures durable blobs of 4 KiB.
func BenchmarkPut(b *testing.B) {
	for _, callers := range []int{1, 10} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			d := disk(b, b.TempDir())
			bytes := make([]byte, 4096)
			var next atomic.Int64
			var group sync.WaitGroup
			b.ResetTimer()
			for range callers {
				group.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						if err := d.Put(ctx, blob.Name(fmt.Sprintf("aa/%032x", n)), bytes); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "blobs/s")
		})
	}
}
