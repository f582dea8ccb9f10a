package storetest

import (
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/store"
)

func flags(t *testing.T, h House) {
	acc := account()
	inbox := h.box(t, acc, "INBOX")
	h.put(t, acc, "INBOX", letter(1))
	h.put(t, acc, "INBOX", letter(2), "Alpha", `\Flagged`)
	for _, c := range []struct {
		op    store.FlagOp
		flags []string
		want  []string // of message 2
	}{
		{store.Add, []string{store.Seen, "beta"}, []string{store.Seen, store.Flagged, "Alpha", "beta"}},
		{store.Add, []string{"ALPHA", `\seen`}, []string{store.Seen, store.Flagged, "Alpha", "beta"}},
		{store.Remove, []string{"alpha", store.Flagged, "nothere"}, []string{store.Seen, "beta"}},
		{store.Replace, []string{store.Draft, store.Answered}, []string{store.Answered, store.Draft}},
		{store.Replace, nil, []string{}},
	} {
		before := h.box(t, acc, "INBOX").HighestModSeq
		was := h.all(t, acc, inbox.ID, store.UIDs(2), 0)[0]
		items, modified, err := h.SetFlags(ctx, acc, inbox.ID, store.UIDs(2), c.op, c.flags, -1)
		ok(t, err)
		if len(items) != 1 || modified != nil {
			t.Fatalf("items %v, modified %v", items, modified)
		}
		now := h.all(t, acc, inbox.ID, store.UIDs(2), 0)[0]
		same(t, "flags", now.Flags, c.want)
		same(t, "answer", items[0].Flags, c.want)
		after := h.box(t, acc, "INBOX").HighestModSeq
		if changed := !equal(was.Flags, now.Flags); changed != (now.ModSeq > was.ModSeq) || changed != (after > before) || now.ModSeq > after {
			t.Errorf("%v %v: MODSEQ %d to %d, mailbox %d to %d", c.op, c.flags, was.ModSeq, now.ModSeq, before, after)
		}
		var changed []uint32
		ok(t, h.Changed(ctx, acc, inbox.ID, store.All(), before, 0, func(it *store.Item) error {
			changed = append(changed, it.UID)
			return nil
		}))
		same(t, "changed since", len(changed) == 1, after > before)
	}
	same(t, "unseen", h.box(t, acc, "INBOX").Unseen, 2)
	for _, bad := range []string{"", "a b", `\Odd`, "a(b", "é", "a\nb"} {
		_, _, err := h.SetFlags(ctx, acc, inbox.ID, store.All(), store.Add, []string{bad}, -1)
		wantKind(t, err, postern.Invalid)
	}
	_, _, err := h.SetFlags(ctx, acc, inbox.ID, store.All(), store.Add, []string{`\Recent`}, -1)
	ok(t, err)
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func unchangedSince(t *testing.T, h House) {
	acc := account()
	inbox := h.box(t, acc, "INBOX")
	h.put(t, acc, "INBOX", letter(1))
	h.put(t, acc, "INBOX", letter(2))
	since := h.box(t, acc, "INBOX").HighestModSeq
	_, _, err := h.SetFlags(ctx, acc, inbox.ID, store.UIDs(1), store.Add, []string{store.Seen}, -1)
	ok(t, err)
	items, modified, err := h.SetFlags(ctx, acc, inbox.ID, store.All(), store.Add, []string{store.Flagged}, since)
	ok(t, err)
	same(t, "modified", modified, []uint32{1})
	same(t, "changed", uidsOf(items), []uint32{2})
	got := h.all(t, acc, inbox.ID, store.All(), 0)
	same(t, "flags", [][]string{got[0].Flags, got[1].Flags}, [][]string{{store.Seen}, {store.Flagged}})
	_, modified, err = h.SetFlags(ctx, acc, inbox.ID, store.All(), store.Add, []string{"x"}, 0)
	ok(t, err)
	same(t, "with 0 all are newer", modified, []uint32{1, 2})
}

func quota(t *testing.T, h House) {
	acc := account()
	one := letter(1)
	h.Quota[acc] = int64(len(one)) * 2
	h.put(t, acc, "INBOX", one)
	second := h.put(t, acc, "INBOX", letter(2))
	_, err := h.Append(ctx, acc, store.AppendIn{Role: store.RoleInbox, Raw: letter(3)})
	wantKind(t, err, postern.Unavailable)
	same(t, "key", postern.KeyOf(err), "mail.quota-full")
	same(t, "total", h.box(t, acc, "INBOX").Total, 2)
	_, err = h.Remove(ctx, acc, h.box(t, acc, "INBOX").ID, store.UIDs(second.UID))
	ok(t, err)
	h.put(t, acc, "INBOX", letter(4))
}

func traces(t *testing.T, h House) {
	acc := account()
	it, err := h.Append(ctx, acc, store.AppendIn{Role: store.RoleJunk, Raw: letter(1), Sender: "Ana@Bank.example", Verdicts: "spf=fail", Event: store.EventJunked, Detail: "from mx.bank.example"})
	ok(t, err)
	ok(t, h.Trace(ctx, acc, store.Trace{TraceEvent: postern.TraceEvent{Event: store.EventRefused, Sender: "eve@spam.example", Detail: "550 no"}, MessageIDHeader: "<e@spam.example>"}))
	want := postern.TraceEvent{At: Now, Message: it.ID, Event: store.EventJunked, Sender: "ana@bank.example", Verdicts: "spf=fail", Mailbox: "Junk", Detail: "from mx.bank.example"}
	for _, about := range []string{"ana@bank.example", "<1@bank.example>"} {
		list, err := h.Traces(ctx, acc, about, 10)
		ok(t, err)
		same(t, about, list, []postern.TraceEvent{want})
	}
	list, err := h.Traces(ctx, acc, "", 10)
	ok(t, err)
	same(t, "all, newest first", []any{len(list), list[0].Event}, []any{2, store.EventRefused})
	list, err = h.TracesOf(ctx, acc, []postern.MessageID{it.ID}, 10)
	ok(t, err)
	same(t, "of one", list, []postern.TraceEvent{want})
	list, err = h.Unstored(ctx, acc, 10)
	ok(t, err)
	same(t, "of none", []any{len(list), list[0].Sender, list[0].Message}, []any{1, "eve@spam.example", ""})
	list, err = h.Traces(ctx, account(), "", 10)
	ok(t, err)
	same(t, "another's", len(list), 0)
}

func spend(t *testing.T, h House) {
	acc, d := account(), postern.DisclosureID(postern.NewID())
	ok(t, h.Spend(ctx, acc, d))
	wantKind(t, h.Spend(ctx, acc, d), postern.Denied)
	wantKind(t, h.Spend(ctx, acc, ""), postern.NotFound)
	ok(t, h.Spend(ctx, acc, postern.DisclosureID(postern.NewID())))
}

func watch(t *testing.T, h House) {
	acc, other := account(), account()
	changed, stop := h.Watch(acc)
	defer stop()
	h.put(t, other, "INBOX", letter(1))
	select {
	case <-changed:
		t.Error("another account's mail woke this one")
	default:
	}
	h.put(t, acc, "INBOX", letter(1))
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		t.Error("no wake-up")
	}
	stop()
	stop()
	h.put(t, acc, "INBOX", letter(2))
	select {
	case <-changed:
		t.Error("woken after stop")
	default:
	}
}

func apart(t *testing.T, h House) {
	a, b := account(), account()
	it := h.put(t, a, "INBOX", letter(1))
	h.put(t, b, "INBOX", letter(2))
	inbox := h.box(t, a, "INBOX").ID
	_, _, err := h.Message(ctx, b, it.ID)
	wantKind(t, err, postern.NotFound)
	_, err = h.OpenRaw(ctx, b, it.ID)
	wantKind(t, err, postern.NotFound)
	_, err = h.UIDs(ctx, b, inbox)
	wantKind(t, err, postern.NotFound)
	_, _, err = h.SetFlags(ctx, b, inbox, store.All(), store.Add, []string{store.Seen}, -1)
	wantKind(t, err, postern.NotFound)
	_, err = h.Remove(ctx, b, inbox, store.All())
	wantKind(t, err, postern.NotFound)
	_, err = h.Copy(ctx, b, h.box(t, b, "INBOX").ID, store.All(), inbox)
	wantKind(t, err, postern.NotFound)
	items, err := h.Thread(ctx, b, it.Thread)
	ok(t, err)
	same(t, "thread", len(items), 0)
	ids, err := h.Find(ctx, b, postern.Scope{Messages: []postern.MessageID{it.ID}})
	ok(t, err)
	same(t, "find", len(ids), 0)
}
