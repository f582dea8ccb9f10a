// Package storetest is the conformance test of the mail store: what holds on
// one engine holds on the other.
package storetest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/blob"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/mail/internal/store"
)

// Now is the clock of the stores under test.
var Now = time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)

// House is a store under test and what it stands on.
type House struct {
	*store.Store
	Blobs blob.Store
	Quota map[postern.AccountID]int64
}

// New opens a store on a database of the test's own.
func New(t testing.TB, h *db.Handle, blobs blob.Store) House {
	t.Helper()
	house := House{Blobs: blobs, Quota: map[postern.AccountID]int64{}}
	s, err := store.Open(context.Background(), store.Parts{
		DB: h, Blobs: blobs, Now: func() time.Time { return Now }, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Quota: func(_ context.Context, acc postern.AccountID) (int64, error) { return house.Quota[acc], nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	house.Store = s
	return house
}

// Run runs every promise of the store, each on a fresh one.
func Run(t *testing.T, open func(t *testing.T) House) {
	for _, c := range []struct {
		name string
		test func(*testing.T, House)
	}{
		{"an account has six mailboxes at first use", firstUse},
		{"a message comes back with the same bytes", sameBytes},
		{"a delivery is for all recipients or none", allOrNone},
		{"mailboxes are made, renamed and deleted", mailboxNames},
		{"a name made again has another UIDVALIDITY", validity},
		{"renaming INBOX moves its messages", renameInbox},
		{"flags change with their MODSEQ", flags},
		{"UNCHANGEDSINCE leaves newer messages alone", unchangedSince},
		{"copy and move keep flags, dates and bytes", copyAndMove},
		{"what is expunged is remembered and its bytes go", expunge},
		{"sets of UIDs are read in order", sets},
		{"replies find their thread", threads},
		{"pages are newest first and go on where they ended", pages},
		{"search finds what is meant", searches},
		{"IMAP's criteria are met", criteria},
		{"a scope finds by who, which and when", scopes},
		{"a full account takes nothing more", quota},
		{"traces are kept for what came and what did not", traces},
		{"a receipt is spent once", spend},
		{"a watcher wakes", watch},
		{"accounts do not see one another", apart},
		{"ten sessions append at once", concurrent},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) { c.test(t, open(t)) })
	}
}

var ctx = context.Background()

func account() postern.AccountID { return postern.AccountID(postern.NewID()) }

// mailOf writes a small message; fields are "Name: value" lines before the body.
func mailOf(fields ...string) []byte {
	body := "hello\r\n"
	if n := len(fields) - 1; n >= 0 && !strings.Contains(fields[n], ": ") {
		fields, body = fields[:n], fields[n]+"\r\n"
	}
	return []byte(strings.Join(fields, "\r\n") + "\r\n\r\n" + body)
}

func letter(n int) []byte {
	return mailOf("From: Ana Lima <ana@bank.example>", "To: bo@outlook.example", fmt.Sprintf("Subject: number %d", n),
		fmt.Sprintf("Message-ID: <%d@bank.example>", n), fmt.Sprintf("body %d", n))
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, err error, kind postern.Kind) {
	t.Helper()
	if err == nil || postern.KindOf(err) != kind {
		t.Fatalf("error %v is of kind %d, want %d", err, postern.KindOf(err), kind)
	}
}

func same[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}

func (h House) box(t testing.TB, acc postern.AccountID, name string) store.Mailbox {
	t.Helper()
	m, err := h.MailboxByName(ctx, acc, name)
	ok(t, err)
	return m
}

func (h House) put(t testing.TB, acc postern.AccountID, mailbox string, raw []byte, flags ...string) store.Item {
	t.Helper()
	it, err := h.Append(ctx, acc, store.AppendIn{Mailbox: h.box(t, acc, mailbox).ID, Raw: raw, Flags: flags})
	ok(t, err)
	return it
}

// all reads a mailbox.
func (h House) all(t testing.TB, acc postern.AccountID, mb postern.MailboxID, set store.UIDSet, need store.Need) []store.Item {
	t.Helper()
	var items []store.Item
	ok(t, h.Items(ctx, acc, mb, set, need, func(it *store.Item) error {
		items = append(items, *it)
		return nil
	}))
	return items
}

func uidsOf(items []store.Item) []uint32 {
	uids := make([]uint32, len(items))
	for i, it := range items {
		uids[i] = it.UID
	}
	return uids
}

func firstUse(t *testing.T, h House) {
	acc := account()
	list, err := h.Mailboxes(ctx, acc)
	ok(t, err)
	var got []string
	for _, m := range list {
		got = append(got, m.Name+"="+m.Role)
		if m.UIDNext != 1 || m.UIDValidity == 0 || m.HighestModSeq < 1 || !m.Subscribed || m.Total != 0 {
			t.Errorf("a fresh mailbox is %+v", m)
		}
	}
	same(t, "mailboxes", got, []string{"INBOX=inbox", "Drafts=drafts", "Sent=sent", "Archive=archive", "Junk=junk", "Trash=trash"})
	again, err := h.Mailboxes(ctx, acc)
	ok(t, err)
	if !slices.Equal(list, again) {
		t.Errorf("the second look differs: %+v, %+v", list, again)
	}
	_, err = h.Mailboxes(ctx, "not an account")
	wantKind(t, err, postern.NotFound)
}

func sameBytes(t *testing.T, h House) {
	acc := account()
	internal := time.Date(2019, 3, 28, 9, 0, 7, 0, time.UTC)
	raw := []byte("From: =?utf-8?Q?Zo=C3=AB?= <zoe@bank.example>\nTo: bo@outlook.example\nSubject: Re: caf\xe9 \x00\nDate: Thu, 28 Mar 2019 09:00:00 +0200\nMessage-ID: <1@bank.example>\n\nno last line end \xff\x00")
	it, err := h.Append(ctx, acc, store.AppendIn{Role: store.RoleInbox, Raw: raw, Flags: []string{`\seen`, "$Work"}, Internal: internal, Sender: "zoe@bank.example", Verdicts: "spf=pass"})
	ok(t, err)
	got, bytes, err := h.Message(ctx, acc, it.ID)
	ok(t, err)
	if string(bytes) != string(raw) {
		t.Errorf("bytes came back as %q", bytes)
	}
	for name, i := range map[string]store.Item{"appended": it, "read": got} {
		same(t, name+" uid", i.UID, 1)
		same(t, name+" flags", i.Flags, []string{`\Seen`, "$Work"})
		same(t, name+" size", i.Size, int64(len(raw)))
		same(t, name+" internal date", i.Internal, internal)
		same(t, name+" sender", i.Sender, "zoe@bank.example")
		same(t, name+" verdicts", i.Verdicts, "spf=pass")
		same(t, name+" from", i.From, "Zoë")
		same(t, name+" date", i.Date.UTC(), time.Date(2019, 3, 28, 7, 0, 0, 0, time.UTC))
		same(t, name+" message id", i.Envelope.MessageID, "<1@bank.example>")
	}
	if got.Structure == nil || got.Structure.Type != "text" || got.Structure.End != len(raw) {
		t.Errorf("structure: %+v", got.Structure)
	}
	m := h.box(t, acc, "inbox")
	same(t, "counters", []any{m.Total, m.Unseen, m.Bytes, m.UIDNext, m.HighestModSeq}, []any{1, 0, len(raw), 2, it.ModSeq})
	u, err := h.Usage(ctx, acc)
	ok(t, err)
	same(t, "usage", u, store.Usage{Bytes: int64(len(raw)), Messages: 1})
	_, _, err = h.Message(ctx, acc, postern.MessageID(postern.NewID()))
	wantKind(t, err, postern.NotFound)
	_, err = h.Append(ctx, acc, store.AppendIn{Role: store.RoleInbox})
	wantKind(t, err, postern.Invalid)
	_, err = h.Append(ctx, acc, store.AppendIn{Role: store.RoleInbox, Raw: raw, Flags: []string{"two words"}})
	wantKind(t, err, postern.Invalid)
}

func allOrNone(t *testing.T, h House) {
	a, b, full := account(), account(), account()
	h.Quota[full] = 10
	in := store.AppendIn{Role: store.RoleInbox, Raw: letter(1), Sender: "ana@bank.example", Event: store.EventDelivered}
	_, err := h.Deliver(ctx, []postern.AccountID{a, b, full}, in)
	wantKind(t, err, postern.Unavailable)
	same(t, "key", postern.KeyOf(err), "mail.quota-full")
	for _, acc := range []postern.AccountID{a, b, full} {
		u, err := h.Usage(ctx, acc)
		ok(t, err)
		same(t, "messages after a refused delivery", u.Messages, 0)
	}
	items, err := h.Deliver(ctx, []postern.AccountID{b, a, b}, in)
	ok(t, err)
	same(t, "items", len(items), 2)
	for _, acc := range []postern.AccountID{a, b} {
		list := h.all(t, acc, h.box(t, acc, "INBOX").ID, store.All(), store.Identity)
		if len(list) != 1 {
			t.Fatalf("%d messages", len(list))
		}
		_, raw, err := h.Message(ctx, acc, list[0].ID)
		ok(t, err)
		same(t, "bytes", string(raw), string(in.Raw))
	}
}

func concurrent(t *testing.T, h House) {
	acc := account()
	const sessions, each = 10, 10
	errs := make(chan error, sessions)
	for s := range sessions {
		go func() {
			for n := range each {
				if _, err := h.Append(ctx, acc, store.AppendIn{Role: store.RoleInbox, Raw: letter(s*each + n)}); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range sessions {
		ok(t, <-errs)
	}
	m := h.box(t, acc, "INBOX")
	items := h.all(t, acc, m.ID, store.All(), store.Summary)
	same(t, "counters", []any{m.Total, m.UIDNext, len(items)}, []any{sessions * each, sessions*each + 1, sessions * each})
	subjects := map[string]bool{}
	for i, it := range items {
		subjects[it.Subject] = true
		if it.UID != uint32(i+1) || i > 0 && it.ModSeq <= items[i-1].ModSeq {
			t.Fatalf("item %d has UID %d and MODSEQ %d", i, it.UID, it.ModSeq)
		}
	}
	same(t, "different messages", len(subjects), sessions*each)
}
