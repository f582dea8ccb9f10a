package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/mail/internal/store/storetest"
	"github.com/postern-mail/postern/testkit/engine"
)

func benchLetter(n int) []byte {
	return fmt.Appendf(nil, "From: Ana Lima <ana%d@bank.example>\r\nTo: Bo <bo@outlook.example>, Cy <cy@outlook.example>\r\nSubject: Report %d of the week\r\n"+
		"Date: Thu, 26 Mar 2026 10:00:00 +0100\r\nMessage-ID: <%d@bank.example>\r\nReferences: <%d@bank.example>\r\n\r\n%s w%dx\r\n", n%50, n, n, n-1, strings.Repeat("All is well here and there. ", 130), n)
}

// BenchmarkAppend keeps messages of about 4 KiB durably, one session and ten.
func BenchmarkAppend(b *testing.B) {
	for _, sessions := range []int{1, 10} {
		b.Run(fmt.Sprintf("sessions=%d", sessions), func(b *testing.B) {
			engine.EachBench(b, func(b *testing.B, opened engine.Open) {
				h := storetest.New(b, opened(open.Mail), newBlobs(b))
				accounts := make([]postern.AccountID, 10)
				for i := range accounts {
					accounts[i] = postern.AccountID(postern.NewID())
				}
				var n atomic.Int64
				b.SetParallelism((sessions + 1) / 2)
				if sessions == 1 {
					b.SetParallelism(1)
				}
				b.ResetTimer()
				work := func() {
					i := int(n.Add(1))
					if _, err := h.Append(context.Background(), accounts[i%10], store.AppendIn{Role: store.RoleInbox, Raw: benchLetter(i)}); err != nil {
						b.Error(err)
					}
				}
				if sessions == 1 {
					for b.Loop() {
						work()
					}
				} else {
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							work()
						}
					})
				}
				b.ReportMetric(float64(n.Load())/b.Elapsed().Seconds(), "msg/s")
			})
		})
	}
}

// tenThousand fills an INBOX.
func tenThousand(b *testing.B, opened engine.Open) (storetest.House, postern.AccountID, store.Mailbox) {
	h := storetest.New(b, opened(open.Mail), newBlobs(b))
	acc := postern.AccountID(postern.NewID())
	const total, batch = 10_000, 500
	for at := 0; at < total; at += batch {
		in := make([]store.AppendIn, batch)
		for i := range in {
			in[i] = store.AppendIn{Role: store.RoleInbox, Raw: benchLetter(at + i)}
		}
		if _, err := h.AppendMany(context.Background(), acc, in); err != nil {
			b.Fatal(err)
		}
	}
	m, err := h.MailboxByName(context.Background(), acc, "INBOX")
	if err != nil {
		b.Fatal(err)
	}
	return h, acc, m
}

// BenchmarkMailbox reads a mailbox of 10,000 messages.
func BenchmarkMailbox(b *testing.B) {
	ctx := context.Background()
	engine.EachBench(b, func(b *testing.B, opened engine.Open) {
		h, acc, m := tenThousand(b, opened)
		for name, need := range map[string]store.Need{"flags": 0, "envelope": store.Envelope, "structure": store.Structure} {
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					err := h.Items(ctx, acc, m.ID, store.All(), need, func(*store.Item) error {
						n++
						return nil
					})
					if err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "msg/s")
			})
		}
		b.Run("select", func(b *testing.B) {
			for b.Loop() {
				if _, err := h.MailboxByName(ctx, acc, "INBOX"); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("page", func(b *testing.B) {
			for b.Loop() {
				if items, _, err := h.Page(ctx, acc, store.Filter{Mailbox: m.ID}); err != nil || len(items) != 50 {
					b.Fatal(len(items), err)
				}
			}
		})
		for name, query := range map[string]string{"rare": "w777x", "common": "report well", "from": "from:ana7@bank.example"} {
			b.Run("search-"+name, func(b *testing.B) {
				for b.Loop() {
					if items, _, err := h.Page(ctx, acc, store.Filter{Query: query}); err != nil || len(items) == 0 {
						b.Fatal(len(items), err)
					}
				}
			})
		}
		b.Run("imap-text", func(b *testing.B) {
			for b.Loop() {
				if uids, err := h.SearchUIDs(ctx, acc, m.ID, store.Criteria{Text: []string{"w777x"}}); err != nil || len(uids) != 1 {
					b.Fatal(uids, err)
				}
			}
		})
		b.Run("imap-subject", func(b *testing.B) {
			for b.Loop() {
				c := store.Criteria{Header: []store.HeaderField{{Name: "Subject", Value: "port 777 "}}}
				if uids, err := h.SearchUIDs(ctx, acc, m.ID, c); err != nil || len(uids) != 1 {
					b.Fatal(uids, err)
				}
			}
		})
	})
}
