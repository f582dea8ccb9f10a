package storetest

import (
	"strings"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/store"
)

func mailboxNames(t *testing.T, h House) {
	acc := account()
	made, err := h.Create(ctx, acc, "Projets/été/2026")
	ok(t, err)
	same(t, "name", made.Name, "Projets/été/2026")
	h.box(t, acc, "Projets")
	h.box(t, acc, "Projets/e\u0301te\u0301") // the same name, decomposed
	for name, kind := range map[string]postern.Kind{
		"Projets": postern.Conflict, "inbox": postern.Conflict, "": postern.Invalid, "/x": postern.Invalid, "a//b": postern.Invalid,
		"a*": postern.Invalid, "a%b": postern.Invalid, "a\nb": postern.Invalid, "\xff": postern.Invalid, " x": postern.Invalid,
		strings.Repeat("x", 201): postern.Invalid, strings.Repeat("x/", 20) + "y": postern.Invalid,
	} {
		if _, err := h.Create(ctx, acc, name); postern.KindOf(err) != kind {
			t.Errorf("create %q: %v, want kind %d", name, err, kind)
		}
	}
	item := h.put(t, acc, "Projets/été/2026", letter(1))
	ok(t, h.Rename(ctx, acc, "Projets", "Vieux/Projets"))
	moved := h.box(t, acc, "Vieux/Projets/été/2026")
	same(t, "after a rename", []any{moved.ID, moved.UIDValidity, moved.Total}, []any{made.ID, made.UIDValidity, 1})
	same(t, "uid", h.all(t, acc, moved.ID, store.All(), 0)[0].UID, item.UID)
	h.box(t, acc, "Vieux")
	_, err = h.MailboxByName(ctx, acc, "Projets")
	wantKind(t, err, postern.NotFound)

	wantKind(t, h.Rename(ctx, acc, "Vieux", "Vieux/a"), postern.Invalid)
	wantKind(t, h.Rename(ctx, acc, "Vieux", "Sent"), postern.Conflict)
	wantKind(t, h.Rename(ctx, acc, "Sent", "Gone"), postern.Invalid)
	wantKind(t, h.Rename(ctx, acc, "Nowhere", "Gone"), postern.NotFound)
	wantKind(t, h.Delete(ctx, acc, "Trash"), postern.Invalid)
	wantKind(t, h.Delete(ctx, acc, "Nowhere"), postern.NotFound)

	ok(t, h.Delete(ctx, acc, "Vieux/Projets/été/2026"))
	_, _, err = h.Message(ctx, acc, item.ID)
	wantKind(t, err, postern.NotFound)
	u, err := h.Usage(ctx, acc)
	ok(t, err)
	same(t, "usage after the mailbox went", u, store.Usage{})

	ok(t, h.Subscribe(ctx, acc, "Vieux", false))
	same(t, "subscribed", h.box(t, acc, "Vieux").Subscribed, false)
	wantKind(t, h.Subscribe(ctx, acc, "Nowhere", true), postern.NotFound)
	byRole, err := h.MailboxByRole(ctx, acc, store.RoleJunk)
	ok(t, err)
	same(t, "by role", byRole.Name, "Junk")
	_, err = h.MailboxByRole(ctx, acc, "")
	wantKind(t, err, postern.NotFound)
}

func validity(t *testing.T, h House) {
	acc := account()
	seen := map[uint32]bool{}
	list, err := h.Mailboxes(ctx, acc)
	ok(t, err)
	for _, m := range list {
		seen[m.UIDValidity] = true
	}
	for range 3 {
		m, err := h.Create(ctx, acc, "again")
		ok(t, err)
		if seen[m.UIDValidity] {
			t.Fatalf("UIDVALIDITY %d was used before", m.UIDValidity)
		}
		seen[m.UIDValidity] = true
		ok(t, h.Delete(ctx, acc, "again"))
	}
}

func renameInbox(t *testing.T, h House) {
	acc := account()
	h.put(t, acc, "INBOX", letter(1), store.Seen)
	h.put(t, acc, "INBOX", letter(2))
	ok(t, h.Rename(ctx, acc, "INBOX", "Old"))
	in, old := h.box(t, acc, "INBOX"), h.box(t, acc, "Old")
	same(t, "INBOX", []any{in.Total, in.Unseen, in.Role, in.UIDNext}, []any{0, 0, store.RoleInbox, 3})
	same(t, "Old", []any{old.Total, old.Unseen, old.Role}, []any{2, 1, ""})
	gone, err := h.Vanished(ctx, acc, in.ID, 1)
	ok(t, err)
	same(t, "vanished", gone.String(), "1:2")
}

func copyAndMove(t *testing.T, h House) {
	acc := account()
	inbox := h.box(t, acc, "INBOX")
	for n := range 4 {
		h.put(t, acc, "INBOX", letter(n), "kw")
	}
	archive := h.box(t, acc, "Archive")
	c, err := h.Copy(ctx, acc, inbox.ID, store.UIDSet{{First: 2, Last: 3}, {First: 9, Last: 9}}, archive.ID)
	ok(t, err)
	same(t, "copied", c, store.Copied{UIDValidity: archive.UIDValidity, From: []uint32{2, 3}, To: []uint32{1, 2}})
	u, err := h.Usage(ctx, acc)
	ok(t, err)
	same(t, "messages counted once", u.Messages, 4)

	c, err = h.Move(ctx, acc, inbox.ID, store.UIDs(3, 4), archive.ID)
	ok(t, err)
	same(t, "moved", c, store.Copied{UIDValidity: archive.UIDValidity, From: []uint32{3, 4}, To: []uint32{3, 4}})
	same(t, "left", uidsOf(h.all(t, acc, inbox.ID, store.All(), 0)), []uint32{1, 2})
	there := h.all(t, acc, archive.ID, store.All(), store.Summary)
	var subjects []string
	for _, it := range there {
		subjects = append(subjects, it.Subject)
		same(t, "flags", it.Flags, []string{"kw"})
	}
	same(t, "there", subjects, []string{"number 1", "number 2", "number 2", "number 3"})
	same(t, "counters", h.box(t, acc, "Archive").Total, 4)
	places, err := h.Places(ctx, acc, there[0].ID, 0)
	ok(t, err)
	same(t, "places", len(places), 2)

	// A move into the same mailbox gives new UIDs (RFC 9051, 6.4.8).
	c, err = h.Move(ctx, acc, inbox.ID, store.UIDs(1), inbox.ID)
	ok(t, err)
	same(t, "moved on the spot", c.To, []uint32{5})
	same(t, "INBOX", uidsOf(h.all(t, acc, inbox.ID, store.All(), 0)), []uint32{2, 5})
	same(t, "total", h.box(t, acc, "INBOX").Total, 2)

	_, err = h.Move(ctx, acc, inbox.ID, store.All(), postern.MailboxID(postern.NewID()))
	wantKind(t, err, postern.NotFound)
	c, err = h.Copy(ctx, acc, inbox.ID, store.UIDs(77), archive.ID)
	ok(t, err)
	same(t, "nothing copied", len(c.To), 0)
}

func expunge(t *testing.T, h House) {
	_, err := h.Sweep(ctx) // what other tests left
	ok(t, err)
	acc := account()
	inbox := h.box(t, acc, "INBOX")
	var ids []postern.MessageID
	for n := range 5 {
		ids = append(ids, h.put(t, acc, "INBOX", letter(n)).ID)
	}
	before := h.box(t, acc, "INBOX").HighestModSeq
	_, err = h.Copy(ctx, acc, inbox.ID, store.UIDs(4), h.box(t, acc, "Archive").ID)
	ok(t, err)
	_, _, err = h.SetFlags(ctx, acc, inbox.ID, store.UIDSet{{First: 2, Last: 4}}, store.Add, []string{store.Deleted}, -1)
	ok(t, err)
	same(t, "deleted", h.box(t, acc, "INBOX").Deleted, 3)
	gone, err := h.Expunge(ctx, acc, inbox.ID, store.UIDs(1, 2))
	ok(t, err)
	same(t, "UID EXPUNGE", gone, []uint32{2})
	gone, err = h.Expunge(ctx, acc, inbox.ID, nil)
	ok(t, err)
	same(t, "EXPUNGE", gone, []uint32{3, 4})
	set, err := h.Vanished(ctx, acc, inbox.ID, before)
	ok(t, err)
	same(t, "vanished", set.String(), "2:4")
	m := h.box(t, acc, "INBOX")
	same(t, "counters", []any{m.Total, m.Deleted, m.UIDNext}, []any{2, 0, 6})
	if set, err := h.Vanished(ctx, acc, inbox.ID, m.HighestModSeq); err != nil || set != nil {
		t.Errorf("vanished since now: %v, %v", set, err)
	}
	n, err := h.Sweep(ctx)
	ok(t, err)
	same(t, "swept", n, 2)
	for i, id := range ids {
		_, err := h.OpenRaw(ctx, acc, id)
		if wanted := i == 0 || i == 3 || i == 4; (err == nil) != wanted {
			t.Errorf("bytes of message %d: %v", i, err)
		}
	}
	items, _, err := h.Page(ctx, acc, store.Filter{Query: "number in:anywhere"})
	ok(t, err)
	same(t, "found after the expunge", len(items), 3)
	_, err = h.Remove(ctx, acc, inbox.ID, store.All())
	ok(t, err)
	u, err := h.Usage(ctx, acc)
	ok(t, err)
	same(t, "only the copy is left", u.Messages, 1)
}

func sets(t *testing.T, h House) {
	acc := account()
	inbox := h.box(t, acc, "INBOX")
	in := make([]store.AppendIn, 700) // more than two chunks
	for i := range in {
		in[i] = store.AppendIn{Mailbox: inbox.ID, Raw: letter(i)}
	}
	_, err := h.AppendMany(ctx, acc, in)
	ok(t, err)
	for text, c := range map[string]struct {
		set  store.UIDSet
		want int
	}{
		"all":          {store.All(), 700},
		"none":         {nil, 0},
		"range":        {store.UIDSet{{First: 10, Last: 19}}, 10},
		"backwards":    {store.UIDSet{{First: 19, Last: 10}}, 10},
		"overlap":      {store.UIDSet{{First: 1, Last: 5}, {First: 3, Last: 8}}, 8},
		"beyond":       {store.UIDSet{{First: 690, Last: 5000}}, 11},
		"beyond to *":  {store.UIDSet{{First: 5000, Last: 0}}, 1},
		"star":         {store.UIDSet{{First: 0, Last: 0}}, 1},
		"sparse":       {store.UIDs(1, 100, 101, 300, 650, 700), 6},
		"near":         {store.UIDs(1, 3, 5, 7, 60), 5},
		"two chunks":   {store.UIDSet{{First: 1, Last: 256}, {First: 400, Last: 700}}, 557},
		"end of chunk": {store.UIDSet{{First: 1, Last: 512}}, 512},
	} {
		items := h.all(t, acc, inbox.ID, c.set, 0)
		if len(items) != c.want {
			t.Errorf("%s: %d items, want %d", text, len(items), c.want)
		}
		for i := 1; i < len(items); i++ {
			if items[i].UID <= items[i-1].UID {
				t.Fatalf("%s: UID %d after %d", text, items[i].UID, items[i-1].UID)
			}
		}
	}
	uids, err := h.UIDs(ctx, acc, inbox.ID)
	ok(t, err)
	same(t, "uids", len(uids), 700)
	wantKind(t, h.Items(ctx, acc, postern.MailboxID(postern.NewID()), store.All(), 0, nil), postern.NotFound)
}
