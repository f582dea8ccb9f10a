package export_test

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/export"
	"github.com/postern-mail/postern/ledger/verify/mirror"
)

const (
	user     = "postern-test"
	password = "not a secret: this machine alone"
)

// stores are the kinds of place: a folder always, and a real object store where
// its server is installed.
func stores(t *testing.T) map[string]func(t *testing.T) mirror.Target {
	all := map[string]func(*testing.T) mirror.Target{"folder": func(t *testing.T) mirror.Target {
		to, err := export.Open(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		return to
	}}
	if file := os.Getenv("POSTERN_TEST_VERSITYGW"); file != "" {
		all["s3"] = func(t *testing.T) mirror.Target {
			endpoint := gateway(t, file)
			to, err := export.Open("s3://ledger/of/ours", endpoint)
			if err != nil {
				t.Fatal(err)
			}
			return to
		}
	}
	return all
}

// gateway starts an S3 server with the bucket "ledger".
func gateway(t *testing.T, file string) (endpoint string) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", user)
	t.Setenv("AWS_SECRET_ACCESS_KEY", password)
	t.Setenv("AWS_REGION", "us-east-1")
	data, iam, side := t.TempDir(), t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(data, "ledger"), 0o755); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	cmd := exec.Command(file, "--access", user, "--secret", password, "--region", "us-east-1", "--port", address, "--iam-dir", iam, "posix", "--sidecar", side, data)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	said := make(chan string, 100)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			select {
			case said <- lines.Text():
			default:
			}
		}
	}()
	client, err := minio.New(address, &minio.Options{Creds: credentials.NewEnvAWS(), Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); ; {
		ok, err := client.BucketExists(context.Background(), "ledger")
		if err == nil && ok {
			return "http://" + address
		}
		if time.Now().After(end) {
			close(said)
			var all []string
			for s := range said {
				all = append(all, s)
			}
			t.Fatalf("no S3 server: %v\n%s", err, strings.Join(all, "\n"))
		}
		<-time.After(20 * time.Millisecond)
	}
}

func TestStores(t *testing.T) {
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			to := open(t)
			if _, err := to.Get(ctx, "checkpoint", 100); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("what is not there: %v", err)
			}
			for _, path := range []string{"checkpoint", "tile/0/000.p/5", "tile/0/000", "tile/entries/x001/234", "checkpoint"} {
				want := "the bytes of " + path + " at " + time.Now().String()
				if err := to.Put(ctx, path, []byte(want)); err != nil {
					t.Fatal(path, err)
				}
				if got, err := to.Get(ctx, path, 1000); err != nil || string(got) != want {
					t.Errorf("%s came back as %q, %v", path, got, err)
				}
				if _, err := to.Get(ctx, path, 3); err == nil {
					t.Errorf("%s: more was read than asked for", path)
				}
			}
			if err := to.Full(ctx, "tile/0/000"); err != nil {
				t.Error(err)
			}
			if _, err := to.Get(ctx, "tile/0/000", 1000); err != nil {
				t.Errorf("the whole tile went with its part: %v", err)
			}
		})
	}
}

// What the store tells readers of caches, and what it tells us of mistakes.
func TestObjectStore(t *testing.T) {
	file := os.Getenv("POSTERN_TEST_VERSITYGW")
	if file == "" {
		return // listed among the stores where it is installed
	}
	ctx := context.Background()
	endpoint := gateway(t, file)
	to, err := export.Open("s3://ledger", endpoint+"/")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][2]string{"checkpoint": {"text/plain; charset=utf-8", "no-cache"}, "tile/0/000": {"application/octet-stream", "public, max-age=31536000, immutable"}} {
		if err := to.Put(ctx, path, []byte("x")); err != nil {
			t.Fatal(err)
		}
		client, err := minio.New(strings.TrimPrefix(endpoint, "http://"), &minio.Options{Creds: credentials.NewEnvAWS(), Region: "us-east-1"})
		if err != nil {
			t.Fatal(err)
		}
		o, err := client.StatObject(ctx, "ledger", path, minio.StatObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]string{o.ContentType, o.Metadata.Get("Cache-Control")}; o.Size != 1 || got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	none, err := export.Open("s3://no-such-bucket", endpoint)
	if err != nil {
		t.Fatal(err)
	}
	if err := none.Put(ctx, "checkpoint", []byte("x")); postern.KindOf(err) != postern.NotFound {
		t.Errorf("a bucket that is not there: %v", err)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
	stranger, err := export.Open("s3://ledger", endpoint)
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Put(ctx, "checkpoint", []byte("x")); postern.KindOf(err) != postern.Denied || strings.Contains(err.Error(), "another") {
		t.Errorf("another secret: %v", err)
	}
}

func TestPlaces(t *testing.T) {
	for _, bad := range [][2]string{{"s3://", ""}, {"s3://user:secret@bucket", ""}, {"s3://bucket?x=1", ""}, {"ftp://x", ""}, {"s3://b", "http://store.example"}, {"s3://b", "store.example"}, {"s3://b", "https://store.example/path"}} {
		if _, err := export.Open(bad[0], bad[1]); postern.KindOf(err) != postern.Invalid {
			t.Errorf("%v: %v", bad, err)
		}
	}
	for _, good := range [][2]string{{"s3://bucket/a/b/", ""}, {"s3://bucket", "https://store.example:9000"}, {"s3://bucket", "http://127.0.0.1:7070"}} {
		if _, err := export.Open(good[0], good[1]); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
}
