package ledger_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/testkit/engine"
)

// A log whose keys change stays one log: who has the old key goes on while both
// sign, who has the new one can check what the old one signed, and records of
// months under the old VRF key are proved as before.
func TestKeysChange(t *testing.T) {
	engine.Each(t, func(t *testing.T, handle engine.Open) {
		ctx := context.Background()
		w := newHouse(t, handle)
		oldKey := w.policy
		may := w.disclose(w.disclosure(account(), postern.TierContent))
		w.sequence()
		oldFile, err := w.l.CheckpointFile(ctx)
		if err != nil {
			t.Fatal(err)
		}

		k := w.keys
		k.Retiring, k.Earlier = []string{k.Log}, []string{k.LogPublic}
		if k.Log, k.LogPublic, err = note.GenerateKey(rand.Reader, origin); err != nil {
			t.Fatal(err)
		}
		k.VRFLater = []ledger.VRFKey{{From: 202606, Key: verify.GenerateVRFKey()}}
		w.parts.Keys = k
		w.l = w.reopen()
		key, err := verify.ParseKey(k.LogPublic)
		if err != nil {
			t.Fatal(err)
		}
		newKey := verify.Policy{Logs: []verify.Key{key}}

		w.sequence()
		w.advance(18 * 24 * time.Hour)
		june := w.disclose(w.disclosure(account(), postern.TierContent))
		w.sequence()
		file, err := w.l.CheckpointFile(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for name, p := range map[string]verify.Policy{"old": oldKey, "new": newKey} {
			if _, err := p.Open(file); err != nil {
				t.Errorf("the %s key does not check a checkpoint that both signed: %v", name, err)
			}
			for month, id := range map[string]postern.DisclosureID{"May": may, "June": june} {
				f, err := w.l.RecordFile(ctx, id)
				if err != nil {
					t.Fatal(err)
				}
				if r := verify.CheckRecordFile(f, p); r.Verdict != verify.Verified {
					t.Errorf("%s's record with the %s key: %s", month, name, r.Text("en"))
				}
			}
		}
		if _, err := newKey.Open(oldFile); err == nil {
			t.Error("the new key checks what the old one alone signed")
		}

		// Retired: the old key signs no more, and what it signed is still this log's.
		k.Retiring = nil
		w.parts.Keys = k
		w.l = w.reopen()
		w.disclose(w.disclosure(account(), postern.TierTrace))
		w.sequence()
		if file, err = w.l.CheckpointFile(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := oldKey.Open(file); err == nil {
			t.Error("the retired key still signs")
		}
		w.verify()

		var changes []string
		found, err := w.l.Find(ctx, ledger.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range found {
			if e.Control != nil && e.Control.Kind == verify.ControlKeyChange {
				changes = append(changes, e.Control.Subject)
				if strings.Contains(e.Control.Detail, "PRIVATE") {
					t.Error("a private key stands in the ledger")
				}
			}
		}
		if strings.Join(changes, ", ") != "VRF key, log key" {
			t.Errorf("the ledger says that these keys changed: %q", changes)
		}

		// A VRF key for a month that has begun under another would orphan its tags.
		k.VRFLater = []ledger.VRFKey{{From: 202606, Key: verify.GenerateVRFKey()}}
		w.parts.Keys = k
		if _, err := ledger.Open(ctx, w.parts); err == nil {
			t.Error("June has another VRF key than its series leaf names")
		}
	})
}
