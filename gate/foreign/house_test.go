package foreign

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/gate/gatetest"
	"github.com/postern-mail/postern/testkit/dovecot"
	"github.com/postern-mail/postern/testkit/engine"
)

var ctx = context.Background()

type people map[postern.AccountID]string

func (p people) Person(_ context.Context, id postern.AccountID) (Person, error) {
	address, ok := p[id]
	if !ok {
		return Person{}, &postern.Error{Kind: postern.NotFound, Text: "there is no such account"}
	}
	return Person{Address: address, Status: "active", Locale: "fr", Created: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, nil
}

var (
	ana  = postern.AccountID(strings.Repeat("a", 32))
	bo   = postern.AccountID(strings.Repeat("b", 32))
	both = people{ana: "ana@outlook.example", bo: "bo@outlook.example"}
	key  = ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", 32)))
)

func openOn(t *testing.T, opened engine.Open, who people, s Server) *Mailboxes {
	t.Helper()
	m, err := Open(ctx, Parts{DB: opened(open.Mail), Accounts: who, ReceiptKey: key.Public().(ed25519.PublicKey), Secret: [32]byte([]byte(strings.Repeat("s", 32))), Server: s,
		Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// TestDovecot is the conformance of a real server, and that it saw nothing
// change. With POSTERN_TEST_TOOLS it runs in each way of signing in and of TLS.
func TestDovecot(t *testing.T) {
	ways := map[string]func(*dovecot.Server, *Server){}
	if dovecot.Wanted() {
		ways["plain on loopback, separator"] = func(d *dovecot.Server, s *Server) {}
		ways["implicit TLS, authzid"] = func(d *dovecot.Server, s *Server) { s.Address, s.TLS, s.Login = d.TLS, "implicit", "authzid" }
		ways["STARTTLS, separator"] = func(d *dovecot.Server, s *Server) { s.TLS = "starttls" }
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			crowd, users := people{}, map[string]string{}
			for i := range 20 {
				id := postern.AccountID(postern.NewID())
				crowd[id] = fmt.Sprintf("person%d@outlook.example", i)
				users[crowd[id]] = "their own password"
			}
			ids := slices.Collect(maps.Keys(crowd))
			d := dovecot.Start(t, users)
			s := Server{Address: d.Plain, TLS: "none", Master: dovecot.Master, Password: NewSecret(dovecot.MasterPassword), Login: "separator", Separator: "*", Roots: roots(t, d.CA)}
			way(d, &s)
			m := openOn(t, engine.SQLite(t), crowd, s)
			if err := m.Check(ctx, crowd[ids[0]]); err != nil {
				t.Fatal(err)
			}
			gatetest.Mailboxes(t, func(t *testing.T) gatetest.House {
				a, b := ids[0], ids[1]
				ids = ids[2:]
				return gatetest.House{Mailboxes: m, Key: key, Now: time.Now, Account: a, Other: b, Put: func(t *testing.T, id postern.AccountID, mailbox string, raw []byte) {
					d.Put(t, crowd[id], mailbox, raw, time.Now())
				}}
			})
			files := d.Files(t)
			for _, file := range files {
				if _, flags, _ := strings.Cut(file, ":2,"); flags != "" {
					t.Errorf("a message has the flags %q", flags)
				}
			}
			log := d.Log(t)
			if strings.Contains(log, "flag_change:") || strings.Contains(log, "expunge:") || strings.Contains(log, "delete:") {
				t.Errorf("Dovecot logged a change:\n%s", log)
			}
			if saved := strings.Count(log, " save: "); saved == 0 || saved != len(files) {
				t.Errorf("Dovecot logged %d messages saved and holds %d", saved, len(files))
			}
			for _, wrong := range []struct {
				name string
				with func(*Server)
				want string
			}{
				{"a wrong password", func(s *Server) { s.Password = NewSecret("wrong") }, "AUTHENTICATIONFAILED"},
				{"a master who is none", func(s *Server) { s.Master = "nobody" }, "AUTHENTICATIONFAILED"},
			} {
				bad := s
				wrong.with(&bad)
				err := openOn(t, engine.SQLite(t), crowd, bad).Check(ctx, anybody(crowd))
				if err == nil || !strings.Contains(err.Error(), wrong.want) || strings.Contains(err.Error(), bad.Password.text) {
					t.Errorf("%s: %v", wrong.name, err)
				}
			}
			if s.TLS != "none" {
				s.Roots = nil
				if err := openOn(t, engine.SQLite(t), crowd, s).Check(ctx, ""); postern.KindOf(err) != postern.Unavailable {
					t.Errorf("a certificate that nobody trusts: %v", err)
				}
			}
		})
	}
}

func anybody(p people) string {
	for _, address := range p {
		return address
	}
	return ""
}

func roots(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatal("no certificate")
	}
	return pool
}
