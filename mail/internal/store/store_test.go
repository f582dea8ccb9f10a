package store_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/postern-mail/postern/blob"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/mail/internal/store/storetest"
	"github.com/postern-mail/postern/testkit/engine"
)

func TestConformance(t *testing.T) {
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		h := opened(open.Mail)
		storetest.Run(t, func(t *testing.T) storetest.House { return storetest.New(t, h, newBlobs(t)) })
	})
}

func newBlobs(t testing.TB) blob.Store { return dir(t.TempDir()) }

type dir string

func (d dir) Put(_ context.Context, n blob.Name, b []byte) error {
	p := filepath.Join(string(d), string(n))
	if _, err := os.Stat(p); err == nil {
		return fmt.Errorf("there")
	}
	os.MkdirAll(filepath.Dir(p), 0o700)
	return os.WriteFile(p, b, 0o600)
}
func (d dir) Open(_ context.Context, n blob.Name) (io.ReadSeekCloser, error) {
	b, err := os.ReadFile(filepath.Join(string(d), string(n)))
	if err != nil {
		return nil, blob.ErrNotFound
	}
	return struct {
		*bytes.Reader
		io.Closer
	}{bytes.NewReader(b), io.NopCloser(nil)}, nil
}
func (d dir) Delete(_ context.Context, n blob.Name) error {
	os.Remove(filepath.Join(string(d), string(n)))
	return nil
}
