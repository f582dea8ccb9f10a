package mirror_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/ledger/verify/mirror"
)

func target(t testing.TB, dir string) mirror.Target {
	t.Helper()
	f, err := mirror.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func grow(t testing.TB, p *published, n int) {
	t.Helper()
	for range n {
		p.add(verify.ControlLeaf{Kind: verify.ControlEnd, Commitment: [32]byte{byte(len(p.leaves)), byte(len(p.leaves) >> 8)}}.Marshal())
	}
	p.write(t)
}

// A copy is the log: it replays, it grows, and any web server can serve it.
func TestCopies(t *testing.T) {
	ctx := context.Background()
	p := publish(t, 0)
	dir := filepath.Join(t.TempDir(), "a", "copy")
	for _, more := range []int{0, 1, 200, 53, 1, 1, 600, 255, 66_000} {
		grow(t, p, more)
		if more == 66_000 && testing.Short() {
			break
		}
		c, err := p.log(t, p.dir).Copy(ctx, target(t, dir), nil)
		if err != nil || c.Size != int64(len(p.leaves)) {
			t.Fatal(c, err)
		}
		var r verify.Replayer
		if err := replay(t, p.log(t, dir), &r); err != nil || r.Size() != c.Size {
			t.Fatalf("the copy of %d leaves: %d, %v", c.Size, r.Size(), err)
		}
		// And a copy of the copy, so that its tiles of hashes are read too.
		if _, err := p.log(t, dir).Copy(ctx, target(t, t.TempDir()), nil); err != nil {
			t.Fatal(err)
		}
	}
	if parts, _ := filepath.Glob(filepath.Join(dir, "tile", "entries", "000.p", "*")); len(parts) != 0 {
		t.Errorf("parts of a full bundle are left: %v", parts)
	}
}

func TestCopiesOfLies(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		lie func(t *testing.T, p *published, dir string)
		how error
	}{
		"a leaf altered": {func(t *testing.T, p *published, _ string) {
			p.put(t, "tile/entries/001.p/145", flip(read(t, p, "tile/entries/001.p/145"), 300))
		}, mirror.ErrRefuted},
		"a hash altered": {func(t *testing.T, p *published, _ string) {
			p.put(t, "tile/0/001.p/145", flip(read(t, p, "tile/0/001.p/145"), 100))
		}, mirror.ErrRefuted},
		"a hash that is not there": {func(t *testing.T, p *published, _ string) {
			if err := os.Remove(filepath.Join(p.dir, "tile/0/001.p/145")); err != nil {
				t.Fatal(err)
			}
		}, fs.ErrNotExist},
		"a tile cut": {func(t *testing.T, p *published, _ string) {
			p.put(t, "tile/0/001.p/145", read(t, p, "tile/0/001.p/145")[:32])
		}, mirror.ErrRefuted},
		"another log in the folder": {func(t *testing.T, _ *published, dir string) {
			other := publish(t, 3)
			if err := os.WriteFile(filepath.Join(dir, "checkpoint"), read(t, other, "checkpoint"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, nil},
		"a server that lags": {func(t *testing.T, p *published, _ string) {
			p.leaves = p.leaves[:100]
			p.write(t)
		}, mirror.ErrBehind},
		"a server that lags and has no more": {func(t *testing.T, p *published, _ string) {
			p.leaves = p.leaves[:100]
			if err := os.RemoveAll(p.dir); err != nil {
				t.Fatal(err)
			}
			p.write(t)
		}, mirror.ErrBehind},
		"a log that was written anew and is shorter": {func(t *testing.T, p *published, _ string) {
			p.leaves = p.leaves[:100]
			p.leaves[7] = p.leaves[8]
			if err := os.RemoveAll(p.dir); err != nil {
				t.Fatal(err)
			}
			p.write(t)
		}, mirror.ErrRefuted},
		"a log that was written anew to the same size": {func(t *testing.T, p *published, _ string) {
			p.leaves = p.leaves[:252]
			p.leaves[7] = p.leaves[8]
			p.write(t)
		}, mirror.ErrRefuted},
		"a log that was written anew": {func(t *testing.T, p *published, _ string) {
			p.leaves[7] = p.leaves[8]
			grow(t, p, 5)
		}, mirror.ErrRefuted},
		"something else stands where a tile goes": {func(t *testing.T, p *published, dir string) {
			file := filepath.Join(dir, "tile", "0", "001.p", "145")
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, bytes.Repeat([]byte("x"), 145*32), 0o644); err != nil {
				t.Fatal(err)
			}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := publish(t, 250)
			dir := t.TempDir()
			if _, err := p.log(t, p.dir).Copy(ctx, target(t, dir), nil); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
			if err != nil {
				t.Fatal(err)
			}
			grow(t, p, 401-len(p.leaves))
			c.lie(t, p, dir)
			_, err = p.log(t, p.dir).Copy(ctx, target(t, dir), nil)
			if err == nil || c.how != nil && !errors.Is(err, c.how) || errors.Is(err, mirror.ErrRefuted) != (c.how == mirror.ErrRefuted) {
				t.Errorf("%v", err)
			}
			if after, _ := os.ReadFile(filepath.Join(dir, "checkpoint")); name != "another log in the folder" && !bytes.Equal(before, after) {
				t.Error("the copy says that it has what it has not")
			}
		})
	}
}

// Ended anywhere, a copy goes on, and what is there is not read again.
func TestCopyGoesOn(t *testing.T) {
	p := publish(t, 5000)
	dir := t.TempDir()
	var read atomic.Int64
	files := http.FileServer(http.Dir(p.dir))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "entries") && read.Add(1) > 5 {
			http.NotFound(w, r)
			return
		}
		files.ServeHTTP(w, r)
	}))
	defer s.Close()
	for tries := 1; ; tries++ {
		read.Store(0)
		_, err := p.log(t, s.URL).Copy(t.Context(), target(t, dir), nil)
		if err == nil {
			if tries < 4 { // 20 bundles
				t.Errorf("done at try %d", tries)
			}
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || tries > 20 {
			t.Fatalf("try %d: %v", tries, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "checkpoint")); err == nil {
			t.Fatal("a checkpoint stands over half a copy")
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.log(t, s.URL).Copy(ctx, target(t, t.TempDir()), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
}

func TestHeldIsWhenAQuorumLastHeldIt(t *testing.T) {
	p := publish(t, 3)
	body, err := verify.CheckpointText(read(t, p, "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	text, lines := "log "+p.policy.Logs[0].String()+"\n", []string(nil)
	for i, name := range []string{"a", "b", "c"} {
		skey, vkey, err := verify.GenerateWitnessKey(name + ".example")
		if err != nil {
			t.Fatal(err)
		}
		c, err := verify.NewCosigner(skey)
		if err != nil {
			t.Fatal(err)
		}
		line, err := c.Sign(body, time.Unix(int64(1000+i), 0))
		if err != nil {
			t.Fatal(err)
		}
		lines, text = append(lines, line), text+"witness "+name+" "+vkey+"\n"
	}
	signed, err := verify.AddSignatures(read(t, p, "checkpoint"), lines...)
	if err != nil {
		t.Fatal(err)
	}
	for quorum, want := range map[string]int64{"group q any a b c\nquorum q": 1002, "group q 2 a b c\nquorum q": 1001, "group q all a b c\nquorum q": 1000, "quorum none": 0} {
		policy, err := verify.ParsePolicy([]byte(text + quorum + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		at, ok := mirror.Log{Policy: policy}.Held(signed)
		if ok != (want > 0) || ok && at.Unix() != want {
			t.Errorf("%s: %v, %v", quorum, at.Unix(), ok)
		}
	}
}

const (
	crashFrom = "POSTERN_TEST_COPY_FROM"
	crashAt   = "POSTERN_TEST_COPY_AT"
)

// deadly kills its process at a write.
type deadly struct {
	mirror.Target
	left int
}

func (d *deadly) Put(ctx context.Context, path string, b []byte) error {
	if d.left--; d.left < 0 {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	return d.Target.Put(ctx, path, b)
}

// Killed before any of its writes, a copy is never more than its checkpoint says,
// and goes on.
func TestCopyKilled(t *testing.T) {
	ctx := context.Background()
	if from := os.Getenv(crashFrom); from != "" {
		key, err := os.ReadFile(filepath.Join(from, "key"))
		if err != nil {
			t.Fatal(err)
		}
		k, err := verify.ParseKey(string(key))
		if err != nil {
			t.Fatal(err)
		}
		s, err := mirror.Open(from)
		if err != nil {
			t.Fatal(err)
		}
		n, _ := strconv.Atoi(os.Getenv(crashAt))
		_, err = mirror.Log{Source: s, Policy: verify.Policy{Logs: []verify.Key{k}}}.Copy(ctx, &deadly{target(t, filepath.Join(from, "copy")), n}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	p := publish(t, 300)
	p.put(t, "key", []byte(p.policy.Logs[0].String()))
	dir := filepath.Join(p.dir, "copy")
	kills := 0
	for n := 0; ; n++ {
		cmd := exec.Command(os.Args[0], "-test.run=^TestCopyKilled$")
		cmd.Env = append(os.Environ(), crashFrom+"="+p.dir, crashAt+"="+strconv.Itoa(n%4))
		err := cmd.Run()
		if _, e := os.Stat(filepath.Join(dir, "checkpoint")); e == nil {
			var r verify.Replayer
			if err := replay(t, p.log(t, dir), &r); err != nil {
				t.Fatalf("after %d writes: %v", n%4, err)
			}
		}
		if err == nil {
			grow(t, p, 100)
			if len(p.leaves) > 700 {
				break
			}
			continue
		}
		if kills++; kills > 100 {
			t.Fatalf("it does not come to an end: %v", err)
		}
	}
	if kills < 5 {
		t.Errorf("it was killed %d times", kills)
	}
}
