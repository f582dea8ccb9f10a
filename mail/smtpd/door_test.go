package smtpd_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"net/smtp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/mail/smtpd"
	"github.com/postern-mail/postern/testkit/engine"
)

// send delivers a message as a stranger would.
func (h *house) send(to, raw string) error {
	return smtp.SendMail(h.smtp, nil, "clara@elsewhere.example", []string{to}, []byte(raw))
}

// What was sent stands at the end of what is kept, every byte of it.
func TestTheSameBytesAreKept(t *testing.T) {
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		h := newHouse(t, opened, nil)
		body := "From: =?broken\r\nsubject:no space\r\n folded\r\n\r\n.leading dot\r\n..two\r\ntrailing space \r\n" +
			"8-bit \xe9\xff and UTF-8 é\r\n" + strings.Repeat("long ", 2000) + "\r\n\r\n"
		if err := h.send("ana@outlook.example", body); err != nil {
			t.Fatal(err)
		}
		got := h.inbox(t, h.ana, "INBOX")
		if len(got) != 1 {
			t.Fatalf("%d messages arrived", len(got))
		}
		head, ok := strings.CutSuffix(got[0], body)
		if !ok {
			t.Fatalf("the bytes have changed:\n%q", got[0])
		}
		for _, want := range []string{"Return-Path: <clara@elsewhere.example>\r\n", "Received: from localhost ([127.0.0.1])\r\n\tby mx.outlook.example (Postern) with ESMTP id "} {
			if !strings.Contains(head, want) {
				t.Errorf("the fields before it lack %q:\n%s", want, head)
			}
		}
	})
}

func TestAnOversizedMessageIsRefusedAndTheConversationGoesOn(t *testing.T) {
	h := newHouse(t, engine.SQLite(t), nil)
	c, err := smtp.Dial(h.smtp)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, size := range []int{30_000, 100} {
		if err := c.Mail("clara@elsewhere.example"); err != nil {
			t.Fatal(err)
		}
		if err := c.Rcpt("ana@outlook.example"); err != nil {
			t.Fatal(err)
		}
		w, err := c.Data()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(w, "Subject: x\r\n\r\n%s\r\n", strings.Repeat("x", size))
		err = w.Close()
		if size > 20_000 && (err == nil || !strings.HasPrefix(err.Error(), "552 ")) || size < 20_000 && err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if got := h.inbox(t, h.ana, "INBOX"); len(got) != 1 {
		t.Errorf("%d messages arrived", len(got))
	}
	traces, err := h.mail.Store().Traces(t.Context(), h.ana.ID, "clara@elsewhere.example", 10)
	if err != nil || len(traces) != 2 || traces[1].Event != "refused" && traces[0].Event != "refused" {
		t.Errorf("the trace is %+v, %v", traces, err)
	}
}

func certificate(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"mx.outlook.example"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
}

func TestTLS(t *testing.T) {
	cfg := certificate(t)
	h := newHouse(t, engine.SQLite(t), func(p *smtpd.Parts) { p.TLS = cfg })
	trusting := &tls.Config{InsecureSkipVerify: true, ServerName: "mx.outlook.example"}
	t.Run("a message in private", func(t *testing.T) {
		c, err := smtp.Dial(h.submission)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.StartTLS(trusting); err != nil {
			t.Fatal(err)
		}
		if err := c.Auth(smtp.PlainAuth("", "ana@outlook.example", secret, "127.0.0.1")); err != nil {
			t.Fatal(err)
		}
		if err := c.Mail("ana@outlook.example"); err != nil {
			t.Fatal(err)
		}
		if err := c.Rcpt("bo@outlook.example"); err != nil {
			t.Fatal(err)
		}
		w, err := c.Data()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, "From: Ana <ana@outlook.example>\r\nSubject: x\r\n\r\nbody\r\n")
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got := h.inbox(t, h.bo, "INBOX")
		if len(got) != 1 || !strings.Contains(got[0], "with ESMTPSA id ") || !strings.Contains(got[0], "\r\nMessage-ID: <") || strings.Contains(got[0], "127.0.0.1") {
			t.Errorf("arrived: %q", got)
		}
	})
	t.Run("what is sent with STARTTLS is not taken for private", func(t *testing.T) {
		h.play(t, "D: smtp\nS: 220\nC: EHLO c.example\\r\\nSTARTTLS\\r\\nMAIL FROM:<x@y.example>\nS: 250-\nS: 250-\nS: 250-\nS: 250-\nS: 250-SIZE\nS: 250 STARTTLS\nS: 503 5.5.1\nS: EOF")
	})
	t.Run("what was said in the clear is forgotten", func(t *testing.T) {
		conn, err := net.Dial("tcp", h.smtp)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		r := bufio.NewReader(conn)
		say := func(line, want string) {
			t.Helper()
			fmt.Fprintf(conn, "%s\r\n", line)
			if got, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(got, want) {
				t.Fatalf("%s: %q, %v", line, got, err)
			}
		}
		_, _ = r.ReadString('\n')
		say("HELO c.example", "250 ")
		say("MAIL FROM:<x@y.example>", "250 ")
		say("STARTTLS", "220 ")
		private := tls.Client(conn, trusting)
		conn, r = private, bufio.NewReader(private)
		say("RCPT TO:<ana@outlook.example>", "503 ")
		say("MAIL FROM:<x@y.example>", "503 ")
	})
}

func TestTooManyConnections(t *testing.T) {
	h := newHouse(t, engine.SQLite(t), func(p *smtpd.Parts) { p.Limits.Connections = 2 })
	for i, want := range []string{"220", "220", "421"} {
		c, err := net.Dial("tcp", h.smtp)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, want) {
			t.Errorf("connection %d: %q, %v", i+1, line, err)
		}
	}
}

func TestASilentClientIsLetGo(t *testing.T) {
	h := newHouse(t, engine.SQLite(t), func(p *smtpd.Parts) { p.Limits.Idle = 50 * time.Millisecond })
	h.play(t, "D: smtp\nS: 220\nS: 421 4.4.2\nS: EOF")
}

func TestAFullMailboxIsTriedAgain(t *testing.T) {
	h := newHouse(t, engine.SQLite(t), nil)
	small, err := h.accounts.Create(t.Context(), account.New{Address: "cy@outlook.example", Name: "Cy", Locale: "en", QuotaBytes: 100})
	if err != nil {
		t.Fatal(err)
	}
	err = h.send(small.Address, "Subject: x\r\n\r\n"+strings.Repeat("x", 500)+"\r\n")
	if err == nil || !strings.HasPrefix(err.Error(), "452 ") {
		t.Errorf("got %v", err)
	}
}

// BenchmarkReceive4K measures whole deliveries: 4 KiB over SMTP, 10 sessions at
// once, answered 250 when blob and row are durable.
func BenchmarkReceive4K(b *testing.B) {
	const sessions = 10
	engine.EachBench(b, func(b *testing.B, opened engine.Open) {
		h := newHouse(b, opened, nil)
		raw := bytes.Repeat([]byte("The minutes of the meeting are below, and the next one is on Monday.\r\n"), 58)
		raw = append([]byte("From: clara@elsewhere.example\r\nSubject: bench\r\nMessage-ID: <bench@elsewhere.example>\r\n\r\n"), raw...)
		var left atomic.Int64
		left.Store(int64(b.N))
		var group sync.WaitGroup
		b.ResetTimer()
		for range sessions {
			group.Go(func() {
				c, err := smtp.Dial(h.smtp)
				if err != nil {
					b.Error(err)
					return
				}
				defer c.Close()
				for left.Add(-1) >= 0 {
					if err := deliver(c, raw); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	})
}

func deliver(c *smtp.Client, raw []byte) error {
	if err := c.Mail("clara@elsewhere.example"); err != nil {
		return err
	}
	if err := c.Rcpt("ana@outlook.example"); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	return w.Close()
}
