// Package blobtest holds what every blob.Store must do.
//
// What it keeps: nothing.
//
// Trust: for tests only.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/blob"
)

var ctx = context.Background()

// Run holds a store to the package's promises. open gives an empty store on its
// first call and the same one, opened again, on later calls.
func Run(t *testing.T, open func(t *testing.T) func() blob.Store) {
	t.Run("bytes come back", func(t *testing.T) { back(t, open(t)) })
	t.Run("a name is written once", func(t *testing.T) { once(t, open(t)()) })
	t.Run("names", func(t *testing.T) { names(t, open(t)()) })
	t.Run("delete", func(t *testing.T) { deleted(t, open(t)()) })
	t.Run("many at once", func(t *testing.T) { many(t, open(t)()) })
	t.Run("list", func(t *testing.T) { list(t, open(t)()) })
	t.Run("an ended context", func(t *testing.T) { ended(t, open(t)()) })
}

// A Lister is a store that can say what it holds. Every store that Run is given
// must be one.
type Lister interface {
	List(ctx context.Context, each func(name blob.Name, written time.Time) error) error
}

// Read gives the whole of a blob.
func Read(t *testing.T, s blob.Store, name blob.Name) []byte {
	t.Helper()
	r, err := s.Open(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func back(t *testing.T, open func() blob.Store) {
	s := open()
	for name, b := range map[blob.Name][]byte{
		"00":         {},
		"aa/01":      []byte("one\r\n\x00\xff"),
		"bb/01":      []byte("another's"),
		"aa/bb/cc01": bytes.Repeat([]byte("long "), 100_000),
	} {
		if err := s.Put(ctx, name, b); err != nil {
			t.Fatal(err)
		}
		for _, s := range []blob.Store{s, open()} {
			if got := Read(t, s, name); !bytes.Equal(got, b) {
				t.Errorf("%s: %d bytes came back of %d", name, len(got), len(b))
			}
		}
	}
	r, err := s.Open(ctx, "aa/01")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Seek(-2, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if tail, err := io.ReadAll(r); err != nil || string(tail) != "\x00\xff" {
		t.Errorf("the last two bytes are %q, %v", tail, err)
	}
}

func once(t *testing.T, s blob.Store) {
	if err := s.Put(ctx, "aa/01", []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(ctx, "aa/01", []byte("first")); err != nil {
		t.Errorf("the same bytes again: %v", err)
	}
	for _, other := range []string{"secnd", "second", ""} {
		if err := s.Put(ctx, "aa/01", []byte(other)); postern.KindOf(err) != postern.Conflict {
			t.Errorf("other bytes: %v", err)
		}
	}
	if got := Read(t, s, "aa/01"); string(got) != "first" {
		t.Errorf("the blob is now %q", got)
	}
}

func names(t *testing.T, s blob.Store) {
	long := make([]byte, 201)
	for i := range long {
		long[i] = 'a'
	}
	for _, bad := range []blob.Name{"", "a", "/aa", "aa/", "aa//bb", "aa/b", "a/b", "../aa", "aa/../bb", "AA", "aag", "aa.bb", "aa\x00", "aa bb", "é0", blob.Name(long)} {
		if err := s.Put(ctx, bad, []byte("x")); postern.KindOf(err) != postern.Invalid {
			t.Errorf("put %q: %v", bad, err)
		}
		if _, err := s.Open(ctx, bad); postern.KindOf(err) != postern.Invalid {
			t.Errorf("open %q: %v", bad, err)
		}
		if err := s.Delete(ctx, bad); postern.KindOf(err) != postern.Invalid {
			t.Errorf("delete %q: %v", bad, err)
		}
	}
	if err := s.Put(ctx, blob.Name(long[:200]), []byte("x")); err != nil {
		t.Errorf("a name of 200 digits: %v", err)
	}
}

func deleted(t *testing.T, s blob.Store) {
	if err := s.Delete(ctx, "aa/01"); err != nil {
		t.Errorf("delete of nothing: %v", err)
	}
	if err := s.Put(ctx, "aa/01", []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, "aa/01"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(ctx, "aa/01"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("open of a deleted blob: %v", err)
	}
	if err := s.Put(ctx, "aa/01", []byte("second")); err != nil {
		t.Errorf("the name again: %v", err)
	}
}

func many(t *testing.T, s blob.Store) {
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 20 {
				// Every blob is put by two callers, in the same folders.
				name := blob.Name(fmt.Sprintf("%02x/%04x07", i/2, j))
				if err := s.Put(ctx, name, []byte(name)); err != nil {
					t.Error(err)
				}
				if got := Read(t, s, name); string(got) != string(name) {
					t.Errorf("%s is %q", name, got)
				}
			}
		})
	}
	group.Wait()
}

func list(t *testing.T, s blob.Store) {
	l, ok := s.(Lister)
	if !ok {
		t.Fatalf("%T cannot list", s)
	}
	names := func() []blob.Name {
		t.Helper()
		found := map[blob.Name]int{}
		err := l.List(ctx, func(name blob.Name, written time.Time) error {
			found[name]++
			if age := time.Since(written); age < -time.Minute || age > time.Hour {
				t.Errorf("%s was written %v ago", name, age)
			}
			return nil
		})
		for name, n := range found {
			if err != nil || n != 1 {
				t.Errorf("%s was given %d times, %v", name, n, err)
			}
		}
		return slices.Sorted(maps.Keys(found))
	}
	if got := names(); len(got) != 0 {
		t.Errorf("an empty store lists %v", got)
	}
	want := []blob.Name{"00", "aa/01", "aa/bb/cc01", "aa/ff", "bb/01"}
	for _, name := range want {
		if err := s.Put(ctx, name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	// What is asked may be answered with a deletion, and an error ends it.
	err := l.List(ctx, func(name blob.Name, _ time.Time) error { return s.Delete(ctx, name) })
	if got := names(); err != nil || len(got) != 0 {
		t.Errorf("after deleting all: %v, %v", got, err)
	}
	if err := s.Put(ctx, "aa/01", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := l.List(ctx, func(blob.Name, time.Time) error { return io.ErrNoProgress }); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("an error of the caller became %v", err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := l.List(gone, func(blob.Name, time.Time) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

func ended(t *testing.T, s blob.Store) {
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Put(gone, "aa/01", []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	if _, err := s.Open(ctx, "aa/01"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("it was put all the same: %v", err)
	}
}
