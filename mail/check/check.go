// Package check gives verdicts on a message at the door: SPF (RFC 7208), DKIM
// (RFC 6376), DMARC (RFC 7489).
//
// What it keeps: nothing.
//
// Trust: it reads whole messages and asks the DNS about the domains they name,
// so strangers choose what is asked; lookups are bounded in number and time. A
// verdict never loses mail: the worst it can do is Junk, with the reason. It
// believes no Authentication-Results field that a message brings along.
package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"blitiri.com.ar/go/spf"
	"github.com/emersion/go-msgauth/dkim"

	"github.com/postern-mail/postern/message"
)

// Parts is what a Checker is made of.
type Parts struct {
	Resolver Resolver // nil: the machine's
	Hostname string   // the authserv-id of its results (RFC 8601, 2.5)
	Log      *slog.Logger
	Now      func() time.Time
}

// Checker checks. It is safe for concurrent use.
type Checker struct{ Parts }

// Open makes a checker.
func Open(p Parts) *Checker {
	if p.Resolver == nil {
		p.Resolver = net.DefaultResolver
	}
	return &Checker{p}
}

// Result is what was found.
type Result struct {
	Verdicts string // "spf=pass dkim=pass dmarc=pass", for the trace
	Header   string // the Authentication-Results field (RFC 8601), with its CRLF
	Junk     bool
	Why      string // why Junk, a clause in English
	Word     string // the same in a word: "reject", "quarantine" (the domain's policy), "authors"
}

// Message checks what remote brings. It never fails, and takes at most five
// seconds: what cannot be found out in them is a verdict too.
func (c *Checker) Message(ctx context.Context, remote netip.Addr, helo, mailFrom string, raw []byte) Result {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := c.Now()
	k := &look{
		resolver: &bounded{Resolver: c.Resolver},
		remote:   remote.Unmap(), helo: helo, sender: mailFrom, raw: raw,
		verdict: verdict{spf: none, dkim: none, dmarc: none},
	}
	k.checkSPF(ctx)
	k.checkDKIM(ctx)
	k.checkDMARC(ctx)
	if ctx.Err() != nil {
		c.Log.Warn("a message's checks ran out of time; it is taken without", "after", c.Now().Sub(began))
	}
	return Result{
		Verdicts: fmt.Sprintf("spf=%s dkim=%s dmarc=%s", k.spf, k.dkim, k.dmarc),
		Header:   k.field(c.Hostname), Junk: k.junk, Why: k.why, Word: k.word,
	}
}

// look is the check of one message.
type look struct {
	verdict
	resolver     Resolver
	remote       netip.Addr
	helo, sender string // sender is "" for a bounce
	raw          []byte
}

// The results' words (RFC 8601, 2.7).
const (
	pass      = "pass"
	fail      = "fail"
	none      = "none"
	temperror = "temperror"
	permerror = "permerror"
)

// verdict is what is known so far.
type verdict struct {
	spf, dkim, dmarc string      // "pass", "fail", "none", …
	spfDomain        string      // the one that SPF answered for
	signatures       []signature // in the order of the message
	from             string      // the domain of the From field, "" when there is not exactly one
	policy           string      // of the From domain: "none", "quarantine", "reject", ""
	junk             bool
	why, word        string
}

// signature is one DKIM signature.
type signature struct{ domain, result string }

// Limits of one check.
const (
	patience      = 5 * time.Second
	lookupsMost   = 40 // SPF alone may need 10, and 10 for each MX (RFC 7208, 4.6.4)
	signatureMost = 8
)

func (k *look) checkSPF(ctx context.Context) {
	k.spfDomain = domainOf(k.sender)
	if k.spfDomain == "" { // RFC 7208, 2.4
		k.spfDomain = strings.ToLower(strings.TrimSuffix(k.helo, "."))
	}
	if !k.remote.IsValid() || !isDomain(k.spfDomain) {
		return
	}
	result, _ := spf.CheckHostWithSender(net.IP(k.remote.AsSlice()), k.helo, k.sender, spf.WithContext(ctx), spf.WithResolver(k.resolver))
	if result != "" {
		k.spf = string(result)
	}
}

func (k *look) checkDKIM(ctx context.Context) {
	found, err := dkim.VerifyWithOptions(bytes.NewReader(k.raw), &dkim.VerifyOptions{
		LookupTXT:        func(name string) ([]string, error) { return k.resolver.LookupTXT(ctx, name) },
		MaxVerifications: signatureMost,
	})
	if err != nil && !errors.Is(err, dkim.ErrTooManySignatures) {
		k.dkim = permerror // a header that cannot be read
		return
	}
	for _, v := range found {
		s := signature{domain: strings.ToLower(v.Domain), result: pass}
		switch {
		case v.Err == nil:
		case dkim.IsTempFail(v.Err):
			s.result = temperror
		case dkim.IsPermFail(v.Err):
			s.result = permerror
		default:
			s.result = fail
		}
		k.signatures = append(k.signatures, s)
	}
	k.dkim = best(k.signatures)
}

// best is the verdict on all signatures together: one that holds is enough
// (RFC 6376, 6.1).
func best(all []signature) string {
	for _, word := range []string{pass, temperror, fail, permerror} {
		for _, s := range all {
			if s.result == word {
				return word
			}
		}
	}
	return none
}

// fromDomain is the domain of the one address of the one From field, which is
// what people see (RFC 7489, 6.6.1).
func fromDomain(raw []byte) (domain string, several bool) {
	if end := bytes.Index(raw, []byte("\r\n\r\n")); end >= 0 {
		raw = raw[:end+4] // the header is enough
	}
	m, err := message.Parse(raw)
	if err != nil {
		return "", false
	}
	fields := m.Header.All("From")
	if len(fields) != 1 {
		return "", len(fields) > 1
	}
	for _, a := range message.ParseAddresses(fields[0]) {
		d := strings.ToLower(a.Host)
		if domain != "" && d != domain {
			return "", true
		}
		domain = d
	}
	return domain, false
}

func domainOf(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}

// isDomain keeps literals and nonsense from the DNS.
func isDomain(s string) bool {
	if len(s) == 0 || len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}
