package ledger_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/ledger/witness"
	"github.com/postern-mail/postern/testkit/engine"
)

// To our side of c2sp.org/tlog-witness our own witness and a foreign one refuse
// the same things with the same statuses.
func TestWitnessesRefuseAlike(t *testing.T) {
	for name, start := range witnesses(t) {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			w := newHouse(t, engine.SQLite(t))
			w.now = time.Now()
			for range 5 {
				w.disclose(w.disclosure(account(), postern.TierContent))
			}
			w.sequence()
			p, err := verify.ParsePolicy([]byte(start(t, w) + "quorum none\n"))
			if err != nil {
				t.Fatal(err)
			}
			it, client := p.Witnesses[0], witness.Client{}
			file, err := w.l.CheckpointFile(ctx)
			if err != nil {
				t.Fatal(err)
			}
			head, err := w.policy.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			stranger, err := ledger.NewKeys(origin)
			if err != nil {
				t.Fatal(err)
			}
			elsewhere, err := ledger.NewKeys("elsewhere.example/ledger")
			if err != nil {
				t.Fatal(err)
			}
			ask := func(keys ledger.Keys, origin string, old, size int64, path ...tlog.Hash) error {
				t.Helper()
				signer, err := note.NewSigner(keys.Log)
				if err != nil {
					t.Fatal(err)
				}
				signed, err := note.Sign(&note.Note{Text: verify.Checkpoint{Origin: origin, Size: size, Root: tlog.Hash{9}}.Body()}, signer)
				if err != nil {
					t.Fatal(err)
				}
				_, err = client.Add(ctx, it, witness.Ask{Old: old, Path: path, Checkpoint: signed})
				return err
			}
			if err := ask(stranger, origin, 0, 3); !errors.Is(err, witness.ErrForbidden) {
				t.Errorf("another key: %v", err)
			}
			if err := ask(elsewhere, "elsewhere.example/ledger", 0, 3); !errors.Is(err, witness.ErrUnknown) {
				t.Errorf("another log: %v", err)
			}
			var conflict *witness.ConflictError
			if err := ask(w.keys, origin, 2, 3); !errors.As(err, &conflict) || conflict.Size != 0 {
				t.Errorf("an old size, before anything was cosigned: %v", err)
			}
			for range 2 { // the second is a heartbeat
				old := int64(0)
				if conflict != nil && conflict.Size > 0 {
					old = conflict.Size
				}
				s, err := client.Add(ctx, it, witness.Ask{Old: old, Checkpoint: file})
				if err != nil || s.At == 0 {
					t.Fatalf("%+v, %v", s, err)
				}
				conflict = &witness.ConflictError{Size: head.Size}
			}
			if err := ask(w.keys, origin, head.Size-1, head.Size+3); !errors.As(err, &conflict) || conflict.Size != head.Size {
				t.Errorf("another old size: %v", err)
			}
			if err := ask(w.keys, origin, head.Size, head.Size); !errors.Is(err, witness.ErrFork) {
				t.Errorf("another root of the same size: %v", err)
			}
			if err := ask(w.keys, origin, head.Size, head.Size+1, tlog.Hash{1}, tlog.Hash{2}); !errors.Is(err, witness.ErrFork) {
				t.Errorf("another past: %v", err)
			}
			if err := ask(w.keys, origin, head.Size+1, head.Size); err == nil || errors.Is(err, witness.ErrFork) {
				t.Errorf("an old size beyond the new one: %v", err)
			}
		})
	}
}

// Somebody else's verifier believes our checkpoint under a quorum of witnesses,
// and a leaf by its own kind of proof file, offline; and nothing that is short of
// a witness.
func TestAForeignVerifierBelievesOurWitnesses(t *testing.T) {
	ctx := context.Background()
	w, a, b := seen(t, engine.SQLite(t))
	w.cosigned()
	for range 300 {
		w.disclose(w.disclosure(account(), postern.TierEnvelope))
	}
	w.sequence()
	w.cosigned()
	srv := httptest.NewServer(w.l.Handler())
	defer srv.Close()
	fetch, err := torchwood.NewTileFetcher(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := fetch.ReadEndpoint(ctx, "checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	log := "log " + w.keys.LogPublic + "\n"
	both, err := torchwood.ParsePolicy([]byte(log + a.line + b.line + "group both all a b\nquorum both\n"))
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := torchwood.VerifyCheckpoint(signed, both)
	if err != nil || c.Origin != origin || c.N < 300 {
		t.Fatalf("%v, %v", c, err)
	}
	more, err := torchwood.ParsePolicy([]byte(log + a.line + b.line + newSeer(t, w, "z").line + "group all all a b z\nquorum all\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := torchwood.VerifyCheckpoint(signed, more); err == nil {
		t.Error("it believes a checkpoint that lacks a witness")
	}
	client, err := torchwood.NewClient(fetch)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int64{0, 255, 256, c.N - 1} {
		leaf, proof, err := client.Entry(ctx, c.Tree, i)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify.CheckInclusion(verify.Checkpoint{Origin: c.Origin, Size: c.N, Root: c.Hash}, i, leaf, proof); err != nil {
			t.Errorf("its proof of leaf %d, to us: %v", i, err)
		}
		file := torchwood.FormatProof(i, proof, signed)
		if err := torchwood.VerifyProof(both, tlog.RecordHash(leaf), file); err != nil {
			t.Errorf("its proof file of leaf %d: %v", i, err)
		}
		if err := torchwood.VerifyProof(both, tlog.RecordHash(append([]byte{0}, leaf...)), file); err == nil {
			t.Errorf("it believes anything of leaf %d", i)
		}
	}
}
