// Package mirror reads a published log, from the web or from a folder, as
// c2sp.org/tlog-tiles lays it out, and replays it.
//
// What it keeps: nothing.
//
// Trust: everything it reads is a stranger's, bounded in size and time, and is
// believed once the leaves hash to a checkpoint that the reader's policy accepts.
package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Source reads the files of a log by their paths, "checkpoint" or "tile/entries/000".
type Source interface {
	// Get gives a file of at most limit bytes. The error of one that is not there
	// is [fs.ErrNotExist].
	Get(ctx context.Context, path string, limit int64) ([]byte, error)
}

// Open gives the source at a place: an http or https URL, or a folder.
func Open(place string) (Source, error) {
	u, err := url.Parse(place)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		return &web{base: strings.TrimSuffix(place, "/"), client: &http.Client{Timeout: 30 * time.Second}}, nil
	}
	info, err := os.Stat(place)
	if err != nil {
		return nil, fmt.Errorf("%q is neither a URL nor a folder: %w", place, err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder: name the one with \"checkpoint\" and \"tile\" in it", place)
	}
	return folder(place), nil
}

type folder string

// Get is part of Source.
func (f folder) Get(_ context.Context, path string, limit int64) ([]byte, error) {
	if !filepath.IsLocal(path) {
		return nil, fs.ErrNotExist
	}
	file, err := os.Open(filepath.Join(string(f), filepath.FromSlash(path)))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return read(file, path, limit)
}

func read(r io.Reader, path string, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", path, limit)
	}
	return b, err
}

type web struct {
	base   string
	client *http.Client
}

const (
	attempts = 4
	pause    = 200 * time.Millisecond // before the second attempt; doubled
)

// Get is part of Source. What may pass by itself is tried again.
func (w *web) Get(ctx context.Context, path string, limit int64) ([]byte, error) {
	for n := 0; ; n++ {
		b, again, err := w.get(ctx, path, limit)
		if err == nil || !again || n == attempts-1 {
			return b, err
		}
		wait := pause << n
		timer := time.NewTimer(wait/2 + rand.N(wait))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

func (w *web) get(ctx context.Context, path string, limit int64) (b []byte, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base+"/"+path, nil)
	if err != nil {
		return nil, false, err
	}
	res, err := w.client.Do(req)
	if err != nil {
		return nil, ctx.Err() == nil, fmt.Errorf("couldn't read the log: %w", err)
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusOK:
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return nil, false, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	default:
		return nil, res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests, fmt.Errorf("%s: the log answered with status %d", path, res.StatusCode)
	}
	b, err = read(res.Body, path, limit)
	return b, err != nil && !errors.Is(err, context.Canceled), err
}
