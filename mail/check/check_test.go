package check_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-msgauth/authres"
	"github.com/emersion/go-msgauth/dkim"
	"github.com/miekg/dns"

	"github.com/postern-mail/postern/mail/check"
)

// zone answers DNS questions on loopback: TXT, A and MX by name; "SERVFAIL" as
// a text makes the answer a failure.
type zone map[string][]string

// resolver starts a server for the zone and gives a resolver that asks it.
func (z zone) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	server := &dns.Server{PacketConn: pc, Handler: z, NotifyStartedFunc: func() { close(ready) }}
	ended := make(chan error, 1)
	go func() { ended <- server.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

func (z zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	a := new(dns.Msg).SetReply(q)
	question := q.Question[0]
	name := strings.ToLower(strings.TrimSuffix(question.Name, "."))
	records, ok := z[name]
	if !ok {
		a.Rcode = dns.RcodeNameError
	}
	for _, text := range records {
		if text == "SERVFAIL" {
			a.Rcode = dns.RcodeServerFailure
			continue
		}
		header := dns.RR_Header{Name: question.Name, Rrtype: question.Qtype, Class: dns.ClassINET}
		ip, isIP := strings.CutPrefix(text, "A ")
		switch {
		case question.Qtype == dns.TypeA && isIP:
			a.Answer = append(a.Answer, &dns.A{Hdr: header, A: net.ParseIP(ip)})
		case question.Qtype == dns.TypeTXT && !isIP:
			var parts []string
			for ; len(text) > 255; text = text[255:] {
				parts = append(parts, text[:255])
			}
			a.Answer = append(a.Answer, &dns.TXT{Hdr: header, Txt: append(parts, text)})
		}
	}
	_ = w.WriteMsg(a)
}

var (
	edKey  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	edText = "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(edKey.Public().(ed25519.PublicKey))
)

func rsaKey(t *testing.T) (*rsa.PrivateKey, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.NewChaCha8([32]byte{1}), 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key, "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
}

func sign(t *testing.T, raw, domain, selector string, key crypto.Signer) string {
	t.Helper()
	var b bytes.Buffer
	err := dkim.Sign(&b, strings.NewReader(raw), &dkim.SignOptions{Domain: domain, Selector: selector, Signer: key,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func from(address string) string {
	return "From: Clara <" + address + ">\r\nTo: ana@outlook.example\r\nSubject: hello\r\nDate: Sat, 28 Mar 2026 12:00:00 +0000\r\n\r\nbody\r\n"
}

func TestCheck(t *testing.T) {
	key, rsaText := rsaKey(t)
	z := zone{
		"bank.example":                     {"v=spf1 ip4:192.0.2.1 -all"},
		"_dmarc.bank.example":              {"v=DMARC1; p=reject; sp=quarantine"},
		"ed._domainkey.bank.example":       {edText},
		"rsa._domainkey.bank.example":      {rsaText},
		"down._domainkey.bank.example":     {"SERVFAIL"},
		"news.bank.example":                {"v=spf1 ip4:192.0.2.2 -all"},
		"strict.example":                   {"v=spf1 a:mx.strict.example ~all"},
		"mx.strict.example":                {"A 192.0.2.3"},
		"_dmarc.strict.example":            {"v=DMARC1; p=quarantine; adkim=s; aspf=s"},
		"ed._domainkey.sub.strict.example": {edText},
		"sub.strict.example":               {"v=spf1 ip4:192.0.2.3 -all"},
		"watching.example":                 {"v=spf1 -all"},
		"_dmarc.watching.example":          {"v=DMARC1; p=none"},
		"two.example":                      {"v=spf1 -all"},
		"_dmarc.two.example":               {"v=DMARC1; p=reject", "v=DMARC1; p=none"},
		"plain.example":                    {"v=spf1 ?all"},
		"trying.example":                   {"v=spf1 -all"},
		"_dmarc.trying.example":            {"v=DMARC1; p=reject; pct=0"},
		"half.example":                     {"v=spf1 -all"},
		"_dmarc.half.example":              {"v=DMARC1; p=reject; pct=50"},
		"almost.example":                   {"v=spf1 -all"},
		"_dmarc.almost.example":            {"v=DMARC10; p=reject"},
		"broken.example":                   {"SERVFAIL"},
		"_dmarc.broken.example":            {"SERVFAIL"},
		"evil.example":                     {"v=spf1 ip4:203.0.113.9 -all"},
		"ed._domainkey.evil.example":       {edText},
		"helo.example":                     {"v=spf1 ip4:192.0.2.1 -all"},
	}
	bank := from("clara@bank.example")
	for _, c := range []struct {
		name             string
		ip, helo, sender string
		raw              string
		verdicts         string
		junk             bool
	}{
		{"by SPF", "192.0.2.1", "mx", "clara@bank.example", bank, "spf=pass dkim=none dmarc=pass", false},
		{"by DKIM, Ed25519", "198.51.100.1", "mx", "list@elsewhere.example", sign(t, bank, "bank.example", "ed", edKey), "spf=none dkim=pass dmarc=pass", false},
		{"by DKIM, RSA", "198.51.100.1", "mx", "", sign(t, bank, "bank.example", "rsa", key), "spf=none dkim=pass dmarc=pass", false},
		{"forged", "203.0.113.9", "mx", "clara@bank.example", bank, "spf=fail dkim=none dmarc=fail", true},
		{"forged with the thief's own SPF and DKIM", "203.0.113.9", "mx", "x@evil.example", sign(t, bank, "evil.example", "ed", edKey), "spf=pass dkim=pass dmarc=fail", true},
		{"changed after signing", "203.0.113.9", "mx", "", strings.Replace(sign(t, bank, "bank.example", "ed", edKey), "body", "bodY", 1), "spf=none dkim=fail dmarc=fail", true},
		{"a key that cannot be looked up", "203.0.113.9", "mx", "", sign(t, bank, "bank.example", "down", edKey), "spf=none dkim=temperror dmarc=temperror", false},
		{"a key that does not exist", "203.0.113.9", "mx", "", sign(t, bank, "bank.example", "gone", edKey), "spf=none dkim=permerror dmarc=fail", true},
		{"a subdomain is aligned", "192.0.2.2", "mx", "x@news.bank.example", bank, "spf=pass dkim=none dmarc=pass", false},
		{"a forged subdomain has sp", "203.0.113.9", "mx", "x@evil.example", from("x@shop.bank.example"), "spf=pass dkim=none dmarc=fail", true},
		{"strict: the very domain", "192.0.2.3", "mx", "x@strict.example", from("x@strict.example"), "spf=pass dkim=none dmarc=pass", false},
		{"strict: no subdomain", "192.0.2.3", "mx", "x@sub.strict.example", sign(t, from("x@strict.example"), "sub.strict.example", "ed", edKey), "spf=pass dkim=pass dmarc=fail", true},
		{"p=none only watches", "203.0.113.9", "mx", "x@watching.example", from("x@watching.example"), "spf=fail dkim=none dmarc=fail", false},
		{"two policies are none", "203.0.113.9", "mx", "x@two.example", from("x@two.example"), "spf=fail dkim=none dmarc=none", false},
		{"pct=0 only watches", "203.0.113.9", "mx", "x@trying.example", from("x@trying.example"), "spf=fail dkim=none dmarc=fail", false},
		{"pct=50 is meant", "203.0.113.9", "mx", "x@half.example", from("x@half.example"), "spf=fail dkim=none dmarc=fail", true},
		{"another version is none", "203.0.113.9", "mx", "x@almost.example", from("x@almost.example"), "spf=fail dkim=none dmarc=none", false},
		{"no policy", "203.0.113.9", "mx", "x@plain.example", from("x@plain.example"), "spf=neutral dkim=none dmarc=none", false},
		{"the DNS is away", "203.0.113.9", "mx", "x@broken.example", from("x@broken.example"), "spf=temperror dkim=none dmarc=temperror", false},
		{"a bounce has its HELO", "192.0.2.1", "helo.example", "", from("x@plain.example"), "spf=pass dkim=none dmarc=none", false},
		{"two authors", "192.0.2.1", "mx", "clara@bank.example", "From: x@evil.example\r\n" + bank, "spf=pass dkim=none dmarc=permerror", true},
		{"two authors in one field", "192.0.2.1", "mx", "clara@bank.example", "From: x@evil.example, y@bank.example\r\n\r\nx\r\n", "spf=pass dkim=none dmarc=permerror", true},
		{"no author", "192.0.2.1", "mx", "clara@bank.example", "Subject: x\r\n\r\nx\r\n", "spf=pass dkim=none dmarc=none", false},
		{"nonsense", "192.0.2.1", "[192.0.2.1]", "", "\x00\xff\r\n", "spf=none dkim=permerror dmarc=none", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := checker(z.resolver(t)).Message(t.Context(), netip.MustParseAddr(c.ip), c.helo, c.sender, []byte(c.raw))
			if r.Verdicts != c.verdicts || r.Junk != c.junk {
				t.Errorf("%s junk=%v (%s), want %s junk=%v", r.Verdicts, r.Junk, r.Why, c.verdicts, c.junk)
			}
			if r.Junk != (r.Why != "") {
				t.Errorf("junk=%v because of %q", r.Junk, r.Why)
			}
			value, ok := strings.CutPrefix(r.Header, "Authentication-Results:")
			if _, results, err := authres.Parse(value); !ok || err != nil || len(results) < 3 {
				t.Errorf("%q: %d results, %v", r.Header, len(results), err)
			}
		})
	}
}

func checker(r check.Resolver) *check.Checker {
	return check.Open(check.Parts{Resolver: r, Hostname: "mx.outlook.example", Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC) }})
}

func TestAStrangerCannotWriteIntoTheField(t *testing.T) {
	r := checker(zone{}.resolver(t)).Message(t.Context(), netip.MustParseAddr("192.0.2.1"), "x;\r\n dmarc=pass\r\nX: y", "", []byte("\r\n"))
	if strings.Count(r.Header, "\r\n") != strings.Count(r.Header, "\r\n\t")+1 || !strings.Contains(r.Header, `smtp.helo="x;?? dmarc=pass??X: y"`) {
		t.Errorf("the field is %q", r.Header)
	}
}

// greedy answers everything with a policy that asks for more, and counts.
type greedy struct {
	*net.Resolver
	asked atomic.Int32
}

func (g *greedy) LookupTXT(_ context.Context, name string) ([]string, error) {
	g.asked.Add(1)
	return []string{"v=spf1 include:a." + name + " include:b." + name + " -all"}, nil
}

func TestTheLookupsOfAMessageAreBounded(t *testing.T) {
	raw := ""
	for i := range 200 {
		raw += fmt.Sprintf("DKIM-Signature: v=1; a=rsa-sha256; d=x%d.example; s=y; h=from; bh=AA==; b=AA==\r\n", i)
	}
	g := &greedy{}
	r := checker(g).Message(t.Context(), netip.MustParseAddr("192.0.2.1"), "mx", "a@evil.example", []byte(raw+from("a@evil.example")))
	if n := g.asked.Load(); n > 40 || n < 10 {
		t.Errorf("%d lookups", n)
	}
	if r.Junk {
		t.Errorf("junk: %s", r.Why)
	}
}

// deaf never answers.
type deaf struct{ *net.Resolver }

func (deaf) LookupTXT(ctx context.Context, _ string) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestADeafDNSDelaysAMessageAndLosesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		raw := sign(t, from("clara@bank.example"), "bank.example", "ed", edKey)
		r := checker(deaf{}).Message(t.Context(), netip.MustParseAddr("192.0.2.1"), "mx", "clara@bank.example", []byte(raw))
		if r.Verdicts != "spf=temperror dkim=temperror dmarc=temperror" || r.Junk {
			t.Errorf("%s junk=%v", r.Verdicts, r.Junk)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func FuzzCheck(f *testing.F) {
	f.Add("a@b.example", "h.example", []byte(from("x@plain.example")))
	f.Add("", "", []byte("DKIM-Signature: v=1; a=rsa-sha256; d=x.example; s=y; h=from; bh=; b=\r\nFrom: a@x.example\r\n\r\n"))
	nobody := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed }}
	f.Fuzz(func(t *testing.T, sender, helo string, raw []byte) {
		r := checker(nobody).Message(t.Context(), netip.MustParseAddr("192.0.2.1"), helo, sender, raw)
		if field := r.Header; strings.Count(field, "\n") != strings.Count(field, "\r\n\t")+1 {
			t.Errorf("the field is %q", field)
		}
	})
}
