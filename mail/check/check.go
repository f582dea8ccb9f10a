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
	"net"
	"net/netip"
	"strings"
	"time"

	"blitiri.com.ar/go/spf"
	"github.com/emersion/go-msgauth/dkim"

	"github.com/postern-mail/postern/message"
)

// A Resolver asks the DNS; *net.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error)
	LookupAddr(ctx context.Context, addr string) ([]string, error)
}

// Checker checks.
type Checker struct {
	resolver Resolver
	hostname string // the authserv-id of its results (RFC 8601, 2.5)
}

// New makes a checker that asks r; nil is the machine's resolver.
func New(r Resolver, hostname string) *Checker {
	if r == nil {
		r = net.DefaultResolver
	}
	return &Checker{resolver: r, hostname: hostname}
}

// In is a message at the door.
type In struct {
	IP     netip.Addr
	Helo   string
	Sender string // of MAIL FROM, "" for a bounce
	Raw    []byte
}

// The results' words (RFC 8601, 2.7).
const (
	pass      = "pass"
	fail      = "fail"
	none      = "none"
	temperror = "temperror"
	permerror = "permerror"
)

// Result is what was found.
type Result struct {
	SPF, DKIM, DMARC string      // "pass", "fail", "none", …
	SPFDomain        string      // the one that SPF answered for
	Signatures       []Signature // in the order of the message
	From             string      // the domain of the From field, "" when there is not exactly one
	Policy           string      // of the From domain: "none", "quarantine", "reject", ""
	Junk             bool
	Why              string // why Junk, a clause in English
}

// Signature is one DKIM signature.
type Signature struct{ Domain, Result string }

// Limits of one check.
const (
	patience      = 15 * time.Second
	signatureMost = 8
)

// Check never fails: what cannot be found out is a verdict too.
func (c *Checker) Check(ctx context.Context, in In) Result {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r := Result{SPF: none, DKIM: none, DMARC: none}
	c.spf(ctx, in, &r)
	c.dkim(ctx, in, &r)
	c.dmarc(ctx, in, &r)
	return r
}

// Verdicts is the short form that the trace keeps.
func (r Result) Verdicts() string {
	return fmt.Sprintf("spf=%s dkim=%s dmarc=%s", r.SPF, r.DKIM, r.DMARC)
}

func (c *Checker) spf(ctx context.Context, in In, r *Result) {
	r.SPFDomain = domainOf(in.Sender)
	if r.SPFDomain == "" { // RFC 7208, 2.4
		r.SPFDomain = strings.ToLower(strings.TrimSuffix(in.Helo, "."))
	}
	if !in.IP.IsValid() || !isDomain(r.SPFDomain) {
		return
	}
	result, _ := spf.CheckHostWithSender(net.IP(in.IP.AsSlice()), in.Helo, in.Sender, spf.WithContext(ctx), spf.WithResolver(c.resolver))
	if result != "" {
		r.SPF = string(result)
	}
}

func (c *Checker) dkim(ctx context.Context, in In, r *Result) {
	found, err := dkim.VerifyWithOptions(bytes.NewReader(in.Raw), &dkim.VerifyOptions{
		LookupTXT:        func(name string) ([]string, error) { return c.resolver.LookupTXT(ctx, name) },
		MaxVerifications: signatureMost,
	})
	if err != nil && !errors.Is(err, dkim.ErrTooManySignatures) {
		r.DKIM = permerror // a header that cannot be read
		return
	}
	for _, v := range found {
		s := Signature{Domain: strings.ToLower(v.Domain), Result: pass}
		switch {
		case v.Err == nil:
		case dkim.IsTempFail(v.Err):
			s.Result = temperror
		case dkim.IsPermFail(v.Err):
			s.Result = permerror
		default:
			s.Result = fail
		}
		r.Signatures = append(r.Signatures, s)
	}
	r.DKIM = best(r.Signatures)
}

// best is the verdict on all signatures together: one that holds is enough
// (RFC 6376, 6.1).
func best(all []Signature) string {
	for _, word := range []string{pass, temperror, fail, permerror} {
		for _, s := range all {
			if s.Result == word {
				return word
			}
		}
	}
	return none
}

// fromDomain is the domain of the one address of the one From field, which is
// what people see (RFC 7489, 6.6.1).
func fromDomain(raw []byte) (domain string, several bool) {
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
