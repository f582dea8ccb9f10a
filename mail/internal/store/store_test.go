package store_test

import (
	"io"
	"log/slog"
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

func newBlobs(t testing.TB) blob.Store {
	t.Helper()
	d, err := blob.OpenDisk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
