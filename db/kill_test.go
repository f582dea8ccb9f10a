package db_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
)

// killedEnv names the data directory to the child of the kill test.
const killedEnv = "POSTERN_TEST_KILLED_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedEnv); dir != "" {
		if err := writeUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// writeUntilKilled commits rows from several callers and prints the identifier
// of each once Update has returned.
func writeUntilKilled(dir string) error {
	h, err := open.SQLite(ctx, dir, open.Mail)
	if err != nil {
		return err
	}
	if err := h.Migrate(ctx, "bench", benchTables); err != nil {
		return err
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for {
				id := postern.NewID()
				err := h.Update(ctx, func(tx *db.Tx) error {
					return tx.ExecOne("INSERT INTO bench_entry (id, grant_id, at, record) VALUES (?1, ?2, ?3, ?4)", id, "g", 1, make([]byte, 300))
				})
				if err != nil {
					return
				}
				os.Stdout.WriteString(id + "\n") // unbuffered: one write, one acknowledgement
			}
		})
	}
	group.Wait()
	return nil
}

func TestEveryAcknowledgedRowSurvivesAKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for round := range 3 {
		t.Run(strconv.Itoa(round), func(t *testing.T) {
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), killedEnv+"="+dir)
			child.Stderr = os.Stderr
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			for n := 0; lines.Scan(); n++ {
				acknowledged[lines.Text()] = true
				if n == 150+50*round {
					if err := child.Process.Kill(); err != nil { // SIGKILL
						t.Fatal(err)
					}
				}
			}
			_ = child.Wait() // killed
			h, err := open.SQLite(ctx, dir, open.Mail)
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			found := map[string]bool{}
			err = h.View(ctx, func(tx *db.Tx) error {
				return tx.Rows("SELECT id FROM bench_entry", nil, func(r db.Scanner) error {
					var id string
					err := r.Scan(&id)
					found[id] = true
					return err
				})
			})
			if err != nil {
				t.Fatal(err)
			}
			for id := range acknowledged {
				if !found[id] && len(id) == 32 {
					t.Errorf("%s was acknowledged and is gone", id)
				}
			}
			if len(acknowledged) < 150 {
				t.Errorf("only %d rows were acknowledged", len(acknowledged))
			}
		})
	}
}
