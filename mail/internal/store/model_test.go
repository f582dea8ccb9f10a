package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/mail/internal/store/storetest"
	"github.com/postern-mail/postern/testkit/engine"
)

// model is a mailbox as RFC 9051 and RFC 7162 tell of it, without any care for
// speed.
type model struct {
	id      postern.MailboxID
	next    uint32
	items   []modelItem
	highest int64
}

type modelItem struct {
	uid   uint32
	msg   postern.MessageID
	flags []string // in order
}

// snapshot is what a client saw, with the MODSEQ it saw it at.
type snapshot struct {
	highest int64
	flags   map[uint32]string
}

func (m *model) snapshot() snapshot {
	s := snapshot{m.highest, map[uint32]string{}}
	for _, it := range m.items {
		s.flags[it.uid] = fmt.Sprint(it.flags)
	}
	return s
}

// TestModel runs the same random changes on the store and on the model, and
// then has a client that knows an old snapshot catch up with CHANGEDSINCE and
// VANISHED alone: it must end with what is there.
func TestModel(t *testing.T) {
	ctx := context.Background()
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		h := storetest.New(t, opened(open.Mail), newBlobs(t))
		rapid.Check(t, func(t *rapid.T) {
			acc := postern.AccountID(postern.NewID())
			boxes := map[string]*model{}
			old := map[string]snapshot{}
			for _, name := range []string{"INBOX", "Archive"} {
				m, err := h.MailboxByName(ctx, acc, name)
				if err != nil {
					t.Fatal(err)
				}
				boxes[name] = &model{id: m.ID, next: 1, highest: m.HighestModSeq}
				old[name] = boxes[name].snapshot()
			}
			name := rapid.SampledFrom([]string{"INBOX", "Archive"})
			flag := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{store.Seen, store.Deleted, "alpha", "beta"}), 0, 3, rapid.ID)
			set := rapid.Custom(func(t *rapid.T) store.UIDSet {
				first := rapid.Uint32Range(1, 12).Draw(t, "first")
				return store.UIDSet{{First: first, Last: first + rapid.Uint32Range(0, 5).Draw(t, "more")}}
			})
			t.Repeat(map[string]func(*rapid.T){
				"append": func(t *rapid.T) {
					b, flags := boxes[name.Draw(t, "to")], flag.Draw(t, "flags")
					it, err := h.Append(ctx, acc, store.AppendIn{Mailbox: b.id, Raw: []byte("Subject: x\r\n\r\n"), Flags: flags})
					if err != nil {
						t.Fatal(err)
					}
					if it.UID != b.next || it.ModSeq <= b.highest {
						t.Fatalf("UID %d after %d, MODSEQ %d after %d", it.UID, b.next-1, it.ModSeq, b.highest)
					}
					b.highest = it.ModSeq
					b.items = append(b.items, modelItem{it.UID, it.ID, ordered(flags)})
					b.next++
				},
				"flags": func(t *rapid.T) {
					b, flags, uids := boxes[name.Draw(t, "in")], flag.Draw(t, "flags"), set.Draw(t, "set")
					op := rapid.SampledFrom([]store.FlagOp{store.Add, store.Remove, store.Replace}).Draw(t, "op")
					if _, _, err := h.SetFlags(ctx, acc, b.id, uids, op, flags, -1); err != nil {
						t.Fatal(err)
					}
					for i := range b.items {
						if uids.Contains(b.items[i].uid) {
							b.items[i].flags = applied(b.items[i].flags, op, flags)
						}
					}
				},
				"copy or move": func(t *rapid.T) {
					from, to, uids, move := boxes[name.Draw(t, "from")], boxes[name.Draw(t, "to")], set.Draw(t, "set"), rapid.Bool().Draw(t, "move")
					do := h.Copy
					if move {
						do = h.Move
					}
					c, err := do(ctx, acc, from.id, uids, to.id)
					if err != nil {
						t.Fatal(err)
					}
					var moved []modelItem
					for _, it := range from.items {
						if uids.Contains(it.uid) {
							moved = append(moved, it)
						}
					}
					if len(c.From) != len(moved) {
						t.Fatalf("%d went, want %d", len(c.From), len(moved))
					}
					for i, it := range moved {
						if c.From[i] != it.uid || c.To[i] != to.next {
							t.Fatalf("%v to %v, want %d to %d", c.From, c.To, it.uid, to.next)
						}
						to.items = append(to.items, modelItem{to.next, it.msg, it.flags})
						to.next++
					}
					if move {
						from.drop(moved)
					}
				},
				"expunge": func(t *rapid.T) {
					b, uids := boxes[name.Draw(t, "in")], set.Draw(t, "set")
					gone, err := h.Expunge(ctx, acc, b.id, uids)
					if err != nil {
						t.Fatal(err)
					}
					var want []modelItem
					for _, it := range b.items {
						if uids.Contains(it.uid) && slices.Contains(it.flags, store.Deleted) {
							want = append(want, it)
						}
					}
					if len(gone) != len(want) {
						t.Fatalf("expunged %v, want %v", gone, want)
					}
					b.drop(want)
				},
				"": func(t *rapid.T) {
					for name, b := range boxes {
						b.check(t, h, acc, name, old[name])
						if rapid.Bool().Draw(t, "look") {
							old[name] = b.snapshot()
						}
					}
				},
			})
		})
	})
}

func (m *model) drop(gone []modelItem) {
	m.items = slices.DeleteFunc(m.items, func(it modelItem) bool {
		return slices.ContainsFunc(gone, func(g modelItem) bool { return g.uid == it.uid })
	})
}

// check compares the store with the model, and the catching-up client with both.
func (m *model) check(t *rapid.T, h storetest.House, acc postern.AccountID, name string, old snapshot) {
	ctx := context.Background()
	box, err := h.MailboxByName(ctx, acc, name)
	if err != nil {
		t.Fatal(err)
	}
	unseen, deleted := 0, 0
	for _, it := range m.items {
		if !slices.Contains(it.flags, store.Seen) {
			unseen++
		}
		if slices.Contains(it.flags, store.Deleted) {
			deleted++
		}
	}
	if box.Total != len(m.items) || box.Unseen != unseen || box.Deleted != deleted || box.UIDNext != m.next || box.HighestModSeq < m.highest {
		t.Fatalf("%s is %+v, want %d messages, %d unseen, %d deleted, UIDNEXT %d", name, box, len(m.items), unseen, deleted, m.next)
	}
	m.highest = box.HighestModSeq
	i := 0
	err = h.Items(ctx, acc, m.id, store.All(), store.Identity, func(it *store.Item) error {
		if i >= len(m.items) || it.UID != m.items[i].uid || it.ID != m.items[i].msg || fmt.Sprint(it.Flags) != fmt.Sprint(m.items[i].flags) || it.ModSeq > box.HighestModSeq {
			t.Fatalf("%s, item %d: %+v, want %+v", name, i, it, m.items)
		}
		i++
		return nil
	})
	if err != nil || i != len(m.items) {
		t.Fatalf("%s: %d items, want %d, %v", name, i, len(m.items), err)
	}
	gone, err := h.Vanished(ctx, acc, m.id, old.highest)
	if err != nil {
		t.Fatal(err)
	}
	for uid := range old.flags {
		if gone.Contains(uid) {
			delete(old.flags, uid)
		}
	}
	err = h.Changed(ctx, acc, m.id, store.All(), old.highest, 0, func(it *store.Item) error {
		old.flags[it.UID] = fmt.Sprint(it.Flags)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if now := m.snapshot(); fmt.Sprint(now.flags) != fmt.Sprint(old.flags) {
		t.Fatalf("%s: a client that caught up from MODSEQ %d has %v, want %v", name, old.highest, old.flags, now.flags)
	}
}

// ordered puts flags as the store gives them.
func ordered(flags []string) []string {
	out := []string{}
	for _, f := range []string{store.Seen, store.Deleted, "alpha", "beta"} {
		if slices.Contains(flags, f) {
			out = append(out, f)
		}
	}
	return out
}

func applied(flags []string, op store.FlagOp, arg []string) []string {
	switch op {
	case store.Add:
		return ordered(append(slices.Clone(flags), arg...))
	case store.Remove:
		return slices.DeleteFunc(slices.Clone(flags), func(f string) bool { return slices.Contains(arg, f) })
	}
	return ordered(arg)
}
