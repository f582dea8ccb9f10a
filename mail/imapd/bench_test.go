package imapd_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/postern-mail/postern/testkit/engine"
)

// letters makes n messages of about 7 KiB, or takes those of the corpus.
func letters(tb testing.TB, n int) [][]byte {
	from := corpus(tb)
	list := make([][]byte, n)
	for i := range list {
		if os.Getenv("POSTERN_TEST_CORPUS") != "" {
			list[i] = from[i%len(from)]
			continue
		}
		list[i] = fmt.Appendf(nil, "Received: from mx.bank.example (mx.bank.example [192.0.2.1])\r\n\tby mail.outlook.example; Thu, 26 Mar 2026 10:00:01 +0100\r\n"+
			"From: Ana Lima <ana%d@bank.example>\r\nTo: Bo <bo@outlook.example>, Cy <cy@outlook.example>\r\nSubject: Report %d of the week\r\n"+
			"Date: Thu, 26 Mar 2026 10:00:00 +0100\r\nMessage-ID: <%d@bank.example>\r\nReferences: <%d@bank.example>\r\n\r\n%s\r\n",
			i%50, i, i, i-1, strings.Repeat("All is well here and there, and will be.\r\n", 160))
	}
	return list
}

// BenchmarkFetch10000 lists a mailbox of 10,000 messages over a connection.
func BenchmarkFetch10000(b *testing.B) {
	engine.EachBench(b, func(b *testing.B, opened engine.Open) {
		h := newHouse(b, opened)
		h.fill(b, letters(b, 10_000))
		for _, items := range []string{
			"ENVELOPE", "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)", "(UID FLAGS)", "BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE MESSAGE-ID)]", "BODYSTRUCTURE", "BODY.PEEK[]",
		} {
			b.Run(items, func(b *testing.B) {
				p := dial(b, h.addr)
				p.ok(b, `a LOGIN ana@outlook.example "`+secret+`"`)
				p.ok(b, "b SELECT INBOX")
				b.ReportAllocs()
				for b.Loop() {
					p.drain(b, "FETCH 1:* "+items)
				}
				b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "msg/s")
			})
		}
	})
}

// drained is a tag that no line of mail begins with.
const drained = "x7q9zk2 "

// drain sends a command and reads its answer, line by line, without keeping it.
func (p *peer) drain(b *testing.B, command string) {
	p.send(b, drained+command+"\r\n")
	for {
		line, err := p.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			b.Fatal(err)
		}
		if bytes.HasPrefix(line, []byte(drained)) {
			return
		}
	}
}
