package mail_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/blob"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/testkit/engine"
)

var ctx = context.Background()

// house is a mail plane with one customer, and the ledger's key to sign with.
type house struct {
	*mail.Mail
	accounts *account.Accounts
	db       *db.Handle
	key      ed25519.PrivateKey
	clock    time.Time
	ana      account.Account
}

func newHouse(t *testing.T, opened engine.Open) *house {
	t.Helper()
	h := &house{db: opened(open.Mail), key: ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", 32))), clock: time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return h.clock }
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	var err error
	parts := account.Parts{DB: h.db, Now: now, Log: log}
	parts.Cost.Time, parts.Cost.MemoryKiB, parts.Cost.Threads = 1, 64, 1
	if h.accounts, err = account.Open(ctx, parts); err != nil {
		t.Fatal(err)
	}
	blobs, err := blob.OpenDisk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h.Mail, err = mail.Open(ctx, mail.Parts{DB: h.db, Blobs: blobs, Accounts: h.accounts, ReceiptKey: h.key.Public().(ed25519.PublicKey), Now: now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	h.ana = h.customer(t, "ana@outlook.example")
	return h
}

func (h *house) customer(t *testing.T, address string) account.Account {
	t.Helper()
	a, err := h.accounts.Create(ctx, account.New{Address: address, Name: "Ana", Locale: "fr", Password: "correct horse battery"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// put keeps a message and gives its identifier.
func (h *house) put(t *testing.T, acc postern.AccountID, mailbox, raw string) postern.MessageID {
	t.Helper()
	id, err := h.Append(ctx, acc, mailbox, []byte(raw), nil, h.clock)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// sign makes a receipt as the ledger does.
func (h *house) sign(t *testing.T, r ledger.Receipt) ledger.Receipt {
	t.Helper()
	r.Signature = [64]byte{}
	b, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	r.Signature = [64]byte(ed25519.Sign(h.key, b[:len(b)-len(r.Signature)]))
	return r
}

// receipt is one that is in order.
func (h *house) receipt(t *testing.T, tier postern.Tier, fields postern.Field, messages ...postern.MessageID) ledger.Receipt {
	return h.sign(t, ledger.Receipt{Disclosure: postern.DisclosureID(postern.NewID()), Account: h.ana.ID, Tier: tier, Fields: fields, Messages: messages,
		Issued: h.clock, Deadline: h.clock.Add(2 * time.Second)})
}

const invoice = "From: Shop <shop@shop.example>\r\nSender: robot@shop.example\r\nTo: Ana <ana@outlook.example>\r\nCc: bo@outlook.example\r\nSubject: Your invoice\r\n" +
	"Date: Fri, 27 Mar 2026 10:00:00 +0000\r\nMessage-ID: <i1@shop.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>You owe <b>12</b> coins</p>\r\n" +
	"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=invoice.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--b--\r\n"

const guarded = "From: no-reply@bank.example\r\nTo: ana@outlook.example\r\nSubject: Your verification code\r\nMessage-ID: <g1@bank.example>\r\n" +
	"Date: Fri, 27 Mar 2026 10:00:00 +0000\r\n\r\nYour verification code is 482913. It expires in 10 minutes. Do not share it.\r\n"

func TestDeliverIsForAllOrNone(t *testing.T) {
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		h := newHouse(t, opened)
		bo := h.customer(t, "bo@outlook.example")
		full, err := h.accounts.Create(ctx, account.New{Address: "full@outlook.example", QuotaBytes: 10})
		if err != nil {
			t.Fatal(err)
		}
		d := mail.Delivery{To: []postern.AccountID{h.ana.ID, full.ID}, Sender: "shop@shop.example", Raw: []byte(invoice)}
		if err := h.Deliver(ctx, d); postern.KeyOf(err) != "mail.quota-full" {
			t.Fatalf("to a full account: %v", err)
		}
		d.To = []postern.AccountID{h.ana.ID, postern.AccountID(postern.NewID())}
		if err := h.Deliver(ctx, d); postern.KindOf(err) != postern.NotFound {
			t.Fatalf("to an account that is not there: %v", err)
		}
		if ids, err := h.Find(ctx, h.ana.ID, postern.Scope{Mailbox: "INBOX"}); err != nil || len(ids) != 0 {
			t.Fatalf("after two refused deliveries: %v, %v", ids, err)
		}
		d.To = []postern.AccountID{h.ana.ID, bo.ID}
		if err := h.Deliver(ctx, d); err != nil {
			t.Fatal(err)
		}
		d.Junk = true
		if err := h.Deliver(ctx, d); err != nil {
			t.Fatal(err)
		}
		for _, acc := range d.To {
			for _, mailbox := range []string{"INBOX", "Junk"} {
				if ids, err := h.Find(ctx, acc, postern.Scope{Mailbox: mailbox}); err != nil || len(ids) != 1 {
					t.Errorf("%s: %v, %v", mailbox, ids, err)
				}
			}
		}
	})
}

func TestFreezeEndsTheWaysInAndKeepsMailComing(t *testing.T) {
	h := newHouse(t, engine.SQLite(t))
	from := account.From{Protocol: "imap", Network: "192.0.2.0/24"}
	for _, frozen := range []bool{true, false} {
		if err := h.Freeze(ctx, h.ana.ID, frozen); err != nil {
			t.Fatal(err)
		}
		if _, err := h.accounts.SignIn(ctx, h.ana.Address, "correct horse battery", from); (err != nil) != frozen {
			t.Errorf("frozen %v: sign-in gave %v", frozen, err)
		}
		if err := h.Deliver(ctx, mail.Delivery{To: []postern.AccountID{h.ana.ID}, Raw: []byte(invoice)}); err != nil {
			t.Errorf("frozen %v: delivery gave %v", frozen, err)
		}
	}
}

func TestOpenWantsAKey(t *testing.T) {
	if _, err := mail.Open(ctx, mail.Parts{}); err == nil {
		t.Error("a mail plane that believes any receipt was opened")
	}
}

func describe(s postern.Shown) string {
	return fmt.Sprintf("account %+v, trace %+v, mailboxes %v, messages %+v", s.Account, s.Trace, s.Mailboxes, s.Messages)
}

func accountWithQuota(bytes int64) account.New {
	return account.New{Address: "small@outlook.example", QuotaBytes: bytes}
}
