package cosigner_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/ledger/verify/cosigner"
	"github.com/postern-mail/postern/ledger/verify/mirror"
)

// killDir tells the test binary to be the cosigner that is killed.
const killDir = "POSTERN_TEST_COSIGNER_DIR"

func cosignUntilKilled(t *testing.T, dir string) error {
	key, err := verify.NewCosigner(os.Getenv(killDir + "_KEY"))
	if err != nil {
		return err
	}
	logKey, err := verify.ParseKey(os.Getenv(killDir + "_LOG"))
	if err != nil {
		return err
	}
	leaves, err := mirror.Open(os.Getenv(killDir + "_URL"))
	if err != nil {
		return err
	}
	s, err := cosigner.Open(cosigner.Parts{Key: key, Dir: dir, Logs: []cosigner.Log{{Policy: verify.Policy{Logs: []verify.Key{logKey}}, Source: leaves}}, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("listens", l.Addr())
	return http.Serve(l, s)
}

// Killed at any moment, with two futures of the log asked for at once, a cosigner
// never has a line out that contradicts another: all that ever left it are of one
// history, and it knows of each after its next start.
func TestKilledCosignerSignsNoFork(t *testing.T) {
	if dir := os.Getenv(killDir); dir != "" {
		t.Fatal(cosignUntilKilled(t, dir))
	}
	p := newProvider(t)
	p.some(3)
	skey, vkey, err := verify.GenerateWitnessKey("auditor.example")
	if err != nil {
		t.Fatal(err)
	}
	key, err := verify.ParseWitnessKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p.publish()
	history := []*provider{p} // the last holds all that was cosigned
	out := 0
	for round := range 12 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledCosignerSignsNoFork$")
		cmd.Env = append(os.Environ(), killDir+"="+dir, killDir+"_KEY="+skey, killDir+"_LOG="+p.vkey, killDir+"_URL="+p.url)
		cmd.Stderr = os.Stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() })
		var url string
		for lines := bufio.NewScanner(stdout); url == "" && lines.Scan(); {
			if address, ok := strings.CutPrefix(lines.Text(), "listens "); ok {
				url = "http://" + address
			}
		}
		if url == "" {
			t.Fatalf("the cosigner did not start: %v", cmd.Wait())
		}
		go io.Copy(io.Discard, stdout)
		base := history[len(history)-1]
		status, known, err := ask(url, base.ask(0, base.size()))
		if err != nil {
			t.Fatal(err)
		}
		at := int64(0)
		if status == 409 {
			fmt.Sscan(known, &at)
		}
		if at > base.size() {
			t.Fatalf("it knows %d leaves, and the log never had more than %d", at, base.size())
		}
		// From here two futures, each growing by one leaf a request; they differ from
		// the first leaf that was never cosigned on.
		var mu sync.Mutex
		lines := [2][]signed{}
		futures := [2]*provider{}
		var wg sync.WaitGroup
		for i := range futures {
			q := base.twin()
			q.leaves, q.hashes = q.leaves[:0:0], q.hashes[:0:0]
			for _, l := range base.leaves[:max(at, 4)] {
				q.addRaw(l)
			}
			futures[i] = q
			wg.Go(func() {
				from := at
				for range 200 {
					q.disclose(byte(1 + i))
					q.publish() // and the other shows its own: half of the answers are 424
					size := q.size()
					status, answer, err := ask(url, q.ask(from, size))
					if err != nil {
						return // killed
					}
					switch status {
					case 200:
						c := q.head(size)
						if _, ok := key.Check(c.Body(), answer); !ok {
							t.Errorf("a line that does not hold: %q", answer)
						}
						mu.Lock()
						lines[i] = append(lines[i], signed{c})
						mu.Unlock()
						from = size
					case 409:
						var n int64
						fmt.Sscan(answer, &n)
						if n <= q.size() {
							from = n
						}
					}
				}
			})
		}
		stop := time.AfterFunc(time.Duration(5+17*round)*time.Millisecond, func() { cmd.Process.Kill() })
		wg.Wait()
		stop.Stop()
		cmd.Process.Kill()
		cmd.Wait()
		if len(lines[0]) > 0 && len(lines[1]) > 0 {
			t.Fatalf("round %d: both futures were cosigned: %d and %d lines", round, len(lines[0]), len(lines[1]))
		}
		out += len(lines[0]) + len(lines[1])
		// The state on the disk is of the future whose lines are out, and no older.
		winner, last := base, int64(0)
		for i, ls := range lines {
			if len(ls) > 0 {
				winner, last = futures[i], ls[len(ls)-1].Size
			}
		}
		c, err := kept(dir, key)
		if err != nil {
			t.Fatal(err)
		}
		if c.Size < last {
			t.Fatalf("round %d: it has cosigned %d and remembers %d", round, last, c.Size)
		}
		if last == 0 { // the line may have been written and not sent, of either future
			for _, q := range futures {
				if c.Size <= q.size() && c.Size > 0 && q.head(c.Size).Root == c.Root {
					winner = q
				}
			}
		}
		if c.Size > 0 && winner.head(c.Size).Root != c.Root {
			t.Fatalf("round %d: it remembers another log than it cosigned", round)
		}
		winner = winner.twin()
		if c.Size > 0 {
			leaves := winner.leaves[:c.Size]
			winner.leaves, winner.hashes = nil, nil
			for _, l := range leaves {
				winner.addRaw(l)
			}
		}
		winner.publish()
		history = append(history, winner)
	}
	if out < 10 {
		t.Errorf("only %d lines came out in all", out)
	}
}

type signed struct{ verify.Checkpoint }

func ask(url string, b []byte) (int, string, error) {
	res, err := http.Post(url+"/add-checkpoint", "text/plain", bytes.NewReader(b))
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, string(answer), err
}

// kept reads the one state in a cosigner's folder.
func kept(dir string, key verify.WitnessKey) (c verify.Checkpoint, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return c, err
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".checkpoint") {
			continue
		}
		b, err := os.ReadFile(dir + "/" + f.Name())
		if err != nil {
			return c, err
		}
		c, _, err := cosigner.ParseState(b, key)
		return c, err
	}
	return c, nil
}
