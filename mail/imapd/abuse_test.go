package imapd_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/postern-mail/postern/mail/imapd"
	"github.com/postern-mail/postern/testkit/engine"
)

// TestTooMuchBeforeSignIn sends a literal of 100 MiB to a server that knows
// nobody yet: after 64 KiB it hangs up.
func TestTooMuchBeforeSignIn(t *testing.T) {
	h := newHouse(t, engine.SQLite(t))
	for _, start := range []string{
		"a APPEND INBOX {104857600}\r\n", "a APPEND INBOX {10485760}\r\n", "a LOGIN {104857600}\r\n", "a LOGIN ", "a NOOP\r\n", "a AUTHENTICATE PLAIN ", "a LIST \"\" (", "a SEARCH ((((((((",
	} {
		t.Run(strings.TrimSpace(start), func(t *testing.T) {
			p := dial(t, h.addr)
			sent := make(chan int)
			go func() {
				n, err := p.Conn.Write([]byte(start))
				filler := bytes.Repeat([]byte("a NOOP\r\n"), 1<<10)
				if !strings.HasSuffix(start, "\n") {
					filler = bytes.Repeat([]byte("x"), 8<<10)
				}
				for err == nil && n < 100<<20 {
					var more int
					more, err = p.Conn.Write(filler)
					n += more
				}
				sent <- n
			}()
			_ = p.SetReadDeadline(time.Now().Add(patience))
			told, _ := io.ReadAll(p.Conn) // up to the end, or a reset
			// Between the two ends the network holds some MiB.
			if n := <-sent; n > 20<<20 {
				t.Errorf("it took %d bytes", n)
			}
			if len(told) > 1<<20 {
				t.Errorf("it answered %d bytes", len(told))
			}
		})
	}
}

// TestTooMuchIsSaid: the client that stops to listen hears why.
func TestTooMuchIsSaid(t *testing.T) {
	h := newHouse(t, engine.SQLite(t))
	p := dial(t, h.addr)
	p.send(t, "a APPEND INBOX {10485760}\r\n"+strings.Repeat("x", 64<<10))
	told := p.until(t, func(s string) bool { return strings.HasPrefix(s, "* BYE") })
	if last := told[len(told)-1]; last != "* BYE [LIMIT] too much before signing in" {
		t.Errorf("it said %q", last)
	}
}

// TestSlowReaders: clients that ask for everything and read nothing hold no
// database connection, so others are served meanwhile.
func TestSlowReaders(t *testing.T) {
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		h := newHouse(t, opened)
		large := make([][]byte, 20)
		for i := range large {
			large[i] = fmt.Appendf(nil, "Subject: %d\r\n\r\n%s\r\n", i, strings.Repeat("All is well.\r\n", 80_000))
		}
		h.fill(t, large)
		for range 30 {
			p := dial(t, h.addr)
			p.ok(t, `a LOGIN ana@outlook.example "`+secret+`"`)
			p.ok(t, "b EXAMINE INBOX")
			p.send(t, "c FETCH 1:* BODY[]\r\n")
		}
		p := dial(t, h.addr)
		p.ok(t, `a LOGIN ana@outlook.example "`+secret+`"`)
		p.ok(t, "b SELECT INBOX")
		p.ok(t, `c STORE 1:* +FLAGS (\Seen)`)
	})
}

// TestConnectionsPerNetwork: one network has 100 connections, this machine any
// number.
func TestConnectionsPerNetwork(t *testing.T) {
	h := newHouse(t, engine.SQLite(t))
	var open []net.Conn
	for range 100 {
		open = append(open, dial(t, h.remote).Conn)
	}
	greeting := func(addr string) string {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		b := make([]byte, 5)
		_ = c.SetReadDeadline(time.Now().Add(patience))
		_, _ = io.ReadFull(c, b)
		return string(b)
	}
	if g := greeting(h.remote); g != "* BYE" {
		t.Errorf("one more was greeted with %q", g)
	}
	if g := greeting(h.addr); g != "* OK " {
		t.Errorf("this machine was greeted with %q", g)
	}
	p := &peer{Conn: open[0]}
	p.send(t, "a LOGOUT\r\n")
	_, _ = io.ReadAll(p.Conn)
	for end := time.Now().Add(patience); greeting(h.remote) != "* OK "; {
		if time.Now().After(end) {
			t.Fatal("one left, and nobody else could come")
		}
	}
}

// TestTLS: a connection from elsewhere signs in after STARTTLS, and at once on
// the port that is TLS from the start.
func TestTLS(t *testing.T) {
	cert := certificate(t)
	h := newHouse(t, engine.SQLite(t), func(p *imapd.Parts) { p.TLS = &tls.Config{Certificates: []tls.Certificate{cert}} })
	trust := &tls.Config{InsecureSkipVerify: true}
	signIn := func(t *testing.T, c *imapclient.Client, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Login(h.ana.Address, secret).Wait(); err != nil {
			t.Error(err)
		}
		if _, err := c.Select("INBOX", nil).Wait(); err != nil {
			t.Error(err)
		}
	}
	t.Run("STARTTLS", func(t *testing.T) {
		c, err := imapclient.DialStartTLS(h.remote, &imapclient.Options{TLSConfig: trust})
		signIn(t, c, err)
	})
	t.Run("from the start", func(t *testing.T) {
		l := tls.NewListener(elsewhere{listen(t)}, h.server.TLS)
		served := make(chan error, 1)
		go func() { served <- h.server.Serve(t.Context(), l) }()
		c, err := imapclient.DialTLS(l.Addr().String(), &imapclient.Options{TLSConfig: trust})
		signIn(t, c, err)
		if c.Caps().Has("STARTTLS") {
			t.Error("TLS was offered under TLS")
		}
		l.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"mail.outlook.example"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
