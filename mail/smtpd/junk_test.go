package smtpd_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/mail/check"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/mail/smtpd"
	"github.com/postern-mail/postern/testkit/engine"
)

// texts is a DNS of TXT records; "away" is one that cannot be asked now.
type texts map[string]string

func (d texts) LookupTXT(_ context.Context, name string) ([]string, error) {
	switch text, ok := d[strings.TrimSuffix(name, ".")]; {
	case text == "away":
		return nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	case ok:
		return []string{text}, nil
	}
	return nil, d.nothing(name)
}

func (d texts) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	return nil, d.nothing(name)
}

func (d texts) LookupIPAddr(_ context.Context, host string) ([]net.IPAddr, error) {
	return nil, d.nothing(host)
}

func (d texts) LookupAddr(_ context.Context, addr string) ([]string, error) {
	return nil, d.nothing(addr)
}

func (texts) nothing(name string) error {
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func TestVerdictsAtTheDoor(t *testing.T) {
	dns := texts{
		"bank.example": "v=spf1 ip4:192.0.2.1 -all", "_dmarc.bank.example": "v=DMARC1; p=reject",
		"away.example": "away", "_dmarc.away.example": "away",
	}
	now := func() time.Time { return time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC) }
	h := newHouse(t, engine.SQLite(t), func(p *smtpd.Parts) {
		p.Check = check.Open(check.Parts{Resolver: dns, Hostname: p.Hostname, Log: slog.New(slog.DiscardHandler), Now: now})
	})
	for _, c := range []struct {
		name, domain, mailbox, event, detail, verdicts string
	}{
		{"a forged message is junk, and the trace says why", "bank.example", "Junk", store.EventJunked, "not its own (p=reject)", "spf=fail dkim=none dmarc=fail junk=reject"},
		{"a DNS that is away costs nobody a message", "away.example", "INBOX", store.EventDelivered, "", "spf=temperror dkim=none dmarc=temperror"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sender := "clara@" + c.domain
			// The forger brings a verdict in our name.
			raw := "Authentication-Results: mx.outlook.example; dmarc=pass\r\nFrom: " + sender + "\r\nSubject: x\r\n\r\nx\r\n"
			h.play(t, "D: smtp\nS: 220\nC: HELO c.example\nS: 250\nC: MAIL FROM:<"+sender+">\nS: 250\nC: RCPT TO:<ana@outlook.example>\nS: 250\nC: DATA\nS: 354\nC: "+
				strings.ReplaceAll(raw, "\r\n", `\r\n`)+`.\r\n\`+"\nS: 250 2.0.0 kept as")
			role := map[string]string{"Junk": store.RoleJunk, "INBOX": store.RoleInbox}[c.mailbox]
			mb, err := h.mail.Store().MailboxByRole(t.Context(), h.ana.ID, role)
			if err != nil {
				t.Fatal(err)
			}
			got := h.inbox(t, h.ana, mb.Name)
			if len(got) != 1 {
				t.Fatalf("%d messages in %s", len(got), mb.Name)
			}
			ours, ok := strings.CutSuffix(got[0], raw)
			if !ok {
				t.Fatalf("the bytes have changed: %q", got[0])
			}
			first, _, _ := strings.Cut(got[0][strings.Index(got[0], "Authentication-Results:"):], "\r\nReceived:")
			if !strings.Contains(ours, "\r\nAuthentication-Results: mx.outlook.example;\r\n\tspf=") || strings.Contains(first, "dmarc=pass") {
				t.Errorf("the first verdict is not ours: %q", got[0])
			}
			traces, err := h.mail.Store().Traces(t.Context(), h.ana.ID, sender, 10)
			if err != nil || len(traces) != 1 || traces[0].Event != c.event || !strings.Contains(traces[0].Detail, c.detail) || traces[0].Verdicts != c.verdicts {
				t.Errorf("the trace is %+v, %v", traces, err)
			}
		})
	}
}

// One full mailbox does not keep a message from the others.
func TestAFullMailboxIsRefusedAlone(t *testing.T) {
	h := newHouse(t, engine.SQLite(t), nil)
	_, err := h.accounts.Create(t.Context(), account.New{Address: "full@outlook.example", Name: "F", Locale: "en", QuotaBytes: 5000})
	if err != nil {
		t.Fatal(err)
	}
	h.play(t, `D: smtp
S: 220
C: HELO c.example
S: 250
C: MAIL FROM:<a@b.example> SIZE=4500
S: 250
C: RCPT TO:<full@outlook.example>
S: 452 4.2.2
C: RCPT TO:<ana@outlook.example>
S: 250
C: DATA
S: 354
C: Subject: x\r\n\r\nx\r\n.
S: 250
INBOX ana: 1`)
}
