package ledger_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/mod/sumdb/tlog"
	_ "modernc.org/sqlite"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/ledger/verify/cosigner"
	"github.com/postern-mail/postern/ledger/verify/mirror"
	"github.com/postern-mail/postern/testkit/engine"
)

// public serves the house's log to the world.
func (w *house) public() *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.l.Handler().ServeHTTP(rw, r) }))
	w.t.Cleanup(s.Close)
	return s
}

// witnesses are the implementations that must cosign our log: ours, which
// replays the map, and a foreign one where it is installed.
func witnesses(t *testing.T) map[string]func(t *testing.T, w *house) (line string) {
	all := map[string]func(*testing.T, *house) string{"cosigner": ownWitness}
	if file := os.Getenv("POSTERN_TEST_LITEWITNESS"); file != "" {
		all["litewitness"] = func(t *testing.T, w *house) string { return litewitness(t, w, file) }
	}
	return all
}

func ownWitness(t *testing.T, w *house) string {
	dir := t.TempDir()
	key, _, err := cosigner.LoadKey(filepath.Join(dir, "witness.key"), "auditor.example/witness")
	if err != nil {
		t.Fatal(err)
	}
	leaves, err := mirror.Open(w.public().URL)
	if err != nil {
		t.Fatal(err)
	}
	s, err := cosigner.Open(cosigner.Parts{Key: key, Dir: dir, Logs: []cosigner.Log{{Policy: verify.Policy{Logs: w.policy.Logs}, Source: leaves}}, Now: w.clock, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return "witness it " + key.VerifierKey() + " " + h.URL + "\n"
}

// litewitness starts Filippo Valsorda's witness, a process of its own, with its
// key in an agent of ours.
func litewitness(t *testing.T, w *house, file string) string {
	dir := t.TempDir()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "agent.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, c); c.Close() }()
		}
	}()
	// What its witnessctl writes.
	h, err := sql.Open("sqlite", filepath.Join(dir, "w.db"))
	if err != nil {
		t.Fatal(err)
	}
	empty, err := tlog.TreeHash(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []struct {
		text string
		args []any
	}{
		{`CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL)`, nil},
		{`CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin))`, nil},
		{`INSERT INTO log VALUES (?1, 0, ?2)`, []any{origin, base64.StdEncoding.EncodeToString(empty[:])}},
		{`INSERT INTO key VALUES (?1, ?2)`, []any{origin, w.policy.Logs[0].String()}},
	} {
		if _, err := h.Exec(q.text, q.args...); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	sshKey, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	cmd := exec.Command(file, "-name", "lite.example/witness", "-db", filepath.Join(dir, "w.db"), "-ssh-agent", socket, "-key", ssh.FingerprintSHA256(sshKey), "-listen", address)
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	vkey := ""
	lines := bufio.NewScanner(out)
	for vkey == "" && lines.Scan() {
		if m := regexp.MustCompile(`vkey=(\S+)`).FindStringSubmatch(lines.Text()); m != nil {
			vkey = m[1]
		}
	}
	go func() {
		for lines.Scan() {
		}
	}()
	for end := time.Now().Add(20 * time.Second); ; {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal("litewitness does not listen")
		}
		<-time.After(5 * time.Millisecond)
	}
	return "witness it " + vkey + " http://" + address + "\n"
}

// Our log, cosigned by each of them: at the start, as it grows, after its own
// memory of them was lost (409), and never on a second history (409 or 422).
func TestWitnessImplementations(t *testing.T) {
	for name, start := range witnesses(t) {
		t.Run(name, func(t *testing.T) {
			engine.Each(t, func(t *testing.T, handle engine.Open) {
				ctx := context.Background()
				w := newHouse(t, handle)
				w.now = time.Now() // a foreign witness has its own clock
				line := start(t, w)
				p, err := verify.ParsePolicy([]byte(line + "quorum it\nmap it\n"))
				if err != nil {
					t.Fatal(line, err)
				}
				w.parts.Witnesses = p
				w.policy = p.Of(w.policy.Logs)
				w.l = w.reopen()
				w.sequence()
				w.cosigned()
				for round := range 3 {
					id := w.disclose(w.disclosure(account(), postern.TierContent))
					w.sequence()
					if err := w.l.Cosign(ctx); err != nil {
						t.Fatal(err)
					}
					file, err := w.l.InclusionFile(ctx, id)
					if err != nil {
						t.Fatal(err)
					}
					if r := verify.CheckInclusionFile(file, w.policy); r.Verdict != verify.Verified {
						t.Error(r.Text("en"))
					}
					signed, err := w.l.CheckpointFile(ctx)
					if err != nil {
						t.Fatal(err)
					}
					if times, err := w.policy.Cosignatures(signed); err != nil || len(times) != 1 {
						t.Errorf("%d witnesses have cosigned, %v", len(times), err)
					}
					if round == 1 { // forgotten: it answers 409 with its size
						if err := w.h.Update(ctx, func(tx *db.Tx) error { _, err := tx.Exec(`DELETE FROM ledger_witness`); return err }); err != nil {
							t.Fatal(err)
						}
					}
				}
				// The same keys on other tables, with as many leaves and with fewer.
				for want, entries := range map[string]int{"ledger.restored": 1, "ledger.forked": 40} {
					q := w.parts
					q.Witnesses = verify.Policy{}
					q.DB = engine.SQLite(t)(plane)
					l, err := ledger.Open(ctx, q)
					if err != nil {
						t.Fatal(err)
					}
					for range entries {
						if err := q.DB.Update(ctx, func(tx *db.Tx) error {
							_, err := l.Disclose(tx, w.disclosure(account(), postern.TierContent))
							return err
						}); err != nil {
							t.Fatal(err)
						}
					}
					if _, err := l.Sequence(ctx); err != nil {
						t.Fatal(err)
					}
					q.Witnesses = p
					old := w.l
					w.l = l // whose leaves a witness that replays would read
					_, err = ledger.Open(ctx, q)
					if postern.KeyOf(err) != want {
						t.Errorf("with %d entries of another history: %v", entries, err)
					}
					w.l = old
				}
			})
		})
	}
}

// A statement that our own cosigner stands for, map and all.
func TestACosignedStatement(t *testing.T) {
	ctx := context.Background()
	w := newHouse(t, engine.SQLite(t))
	p, err := verify.ParsePolicy([]byte(ownWitness(t, w) + "quorum it\nmap it\n"))
	if err != nil {
		t.Fatal(err)
	}
	w.parts.Witnesses = p
	w.policy = p.Of(w.policy.Logs)
	w.l = w.reopen()
	step := func() {
		w.sequence()
		if err := w.l.Cosign(ctx); err != nil {
			t.Fatal(err)
		}
	}
	step()
	for range 20 {
		w.advance(20 * time.Minute)
		w.disclose(w.disclosure(account(), postern.TierContent))
		step()
	}
	from, until, err := w.l.Provable(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.l.Statement(ctx, account(), "ana@outlook.example", ledger.Window{From: from, Until: until, Tier: postern.TierContent})
	if err != nil {
		t.Fatal(err)
	}
	if r := verify.CheckNonAccessFile(s.File, w.policy); r.Verdict != verify.Verified {
		t.Error(r.Text("en"))
	}
}

// A client of our tiles that we did not write reads every leaf, and opens one
// by its own proof.
func TestAForeignTileClient(t *testing.T) {
	ctx := context.Background()
	w := newHouse(t, engine.SQLite(t))
	for range 700 {
		w.disclose(w.disclosure(account(), postern.TierTrace))
	}
	w.sequence()
	w.disclose(w.disclosure(account(), postern.TierTrace))
	w.sequence()
	copied := t.TempDir()
	place, err := mirror.Open(w.public().URL)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := mirror.Folder(copied)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (mirror.Log{Source: place, Policy: w.policy}).Copy(ctx, folder, nil); err != nil {
		t.Fatal(err)
	}
	static := httptest.NewServer(http.FileServer(http.Dir(copied)))
	defer static.Close()
	for name, url := range map[string]string{"Postern": w.public().URL, "a web server with a copy": static.URL} {
		t.Run(name, func(t *testing.T) {
			fetch, err := torchwood.NewTileFetcher(url)
			if err != nil {
				t.Fatal(err)
			}
			signed, err := fetch.ReadEndpoint(ctx, "checkpoint")
			if err != nil {
				t.Fatal(err)
			}
			c, err := w.policy.Open(signed)
			if err != nil {
				t.Fatal(err)
			}
			client, err := torchwood.NewClient(fetch)
			if err != nil {
				t.Fatal(err)
			}
			tree := tlog.Tree{N: c.Size, Hash: c.Root}
			var r verify.Replayer
			for i, leaf := range client.AllEntries(ctx, tree, 0) {
				if i != r.Size() {
					t.Fatalf("leaf %d after %d", i, r.Size())
				}
				if err := r.Add(leaf); err != nil {
					t.Fatal(err)
				}
			}
			if err := client.Err(); err != nil || r.Size() != c.Size || r.Root() != c.Root {
				t.Errorf("%d of %d leaves, %v", r.Size(), c.Size, err)
			}
			leaf, proof, err := client.Entry(ctx, tree, 700)
			if err == nil {
				err = tlog.CheckRecord(proof, tree.N, tree.Hash, 700, tlog.RecordHash(leaf))
			}
			if err != nil {
				t.Error(err)
			}
			if _, _, err := client.Entry(ctx, tree, c.Size); err == nil || errors.Is(err, context.Canceled) {
				t.Errorf("a leaf beyond the checkpoint: %v", err)
			}
		})
	}
}
