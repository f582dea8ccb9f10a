package check

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"

	"github.com/emersion/go-msgauth/dmarc"
	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// checkDMARC holds SPF and DKIM to the domain that people see.
func (k *look) checkDMARC(ctx context.Context) {
	from, several := fromDomain(k.raw)
	if several {
		// Two authors of different domains are the old way round DMARC (RFC
		// 7489, 6.6.1: reject or apply the strictest).
		k.dmarc, k.junk, k.why, k.word = permerror, true, "the message names authors of more than one domain", "authors"
		return
	}
	from, err := idna.Lookup.ToASCII(from)
	if err != nil || !isDomain(from) {
		return
	}
	k.from = from
	record, policy, err := k.lookupPolicy(ctx, from)
	switch {
	case errors.Is(err, dmarc.ErrNoPolicy):
		return
	case err != nil:
		k.dmarc = permerror
		if temporary(err) {
			k.dmarc = temperror
		}
		return
	}
	k.policy = string(policy)
	aligned := k.spf == pass && isAligned(k.spfDomain, from, record.SPFAlignment)
	for _, s := range k.signatures {
		aligned = aligned || s.result == pass && isAligned(s.domain, from, record.DKIMAlignment)
	}
	switch {
	case aligned:
		k.dmarc = pass
	case k.spf == temperror || slices.ContainsFunc(k.signatures, func(s signature) bool { return s.result == temperror }):
		k.dmarc = temperror // it might have passed
	default:
		k.dmarc = fail
		// pct=0 is a domain that tries its policy out. A percentage between is
		// taken for all: a recipient cannot explain a draw of lots, and the next
		// DMARC has none.
		trying := record.Percent != nil && *record.Percent == 0
		if !trying && (policy == dmarc.PolicyQuarantine || policy == dmarc.PolicyReject) {
			k.junk, k.why, k.word = true, "the domain in From says that mail which fails its checks is not its own (p="+k.policy+")", k.policy
		}
	}
}

// lookupPolicy finds the record of the From domain, or of the organisation's (RFC
// 7489, 6.6.3).
func (k *look) lookupPolicy(ctx context.Context, from string) (*dmarc.Record, dmarc.Policy, error) {
	record, err := k.record(ctx, from)
	if err == nil {
		return record, record.Policy, nil
	}
	org := organisational(from)
	if !errors.Is(err, dmarc.ErrNoPolicy) || org == from {
		return nil, "", err
	}
	if record, err = k.record(ctx, org); err != nil {
		return nil, "", err
	}
	if record.SubdomainPolicy != "" {
		return record, record.SubdomainPolicy, nil
	}
	return record, record.Policy, nil
}

// record reads the one DMARC record of a domain; several are none.
func (k *look) record(ctx context.Context, domain string) (*dmarc.Record, error) {
	texts, err := k.resolver.LookupTXT(ctx, "_dmarc."+domain)
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return nil, dmarc.ErrNoPolicy
	}
	if err != nil {
		return nil, err
	}
	texts = slices.DeleteFunc(texts, func(s string) bool { return !isRecord(s) })
	if len(texts) != 1 {
		return nil, dmarc.ErrNoPolicy
	}
	return dmarc.Parse(texts[0])
}

// isRecord says that a text is a DMARC record (RFC 7489, 6.4).
func isRecord(text string) bool {
	version, _, _ := strings.Cut(text, ";")
	tag, value, _ := strings.Cut(version, "=")
	return strings.TrimSpace(tag) == "v" && strings.TrimSpace(value) == "DMARC1"
}

func temporary(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// isAligned compares domains as RFC 7489, 3.1, does.
func isAligned(domain, from string, mode dmarc.AlignmentMode) bool {
	if mode == dmarc.AlignmentStrict {
		return domain == from
	}
	return domain == from || organisational(domain) == organisational(from)
}

// organisational is the domain under a public suffix (RFC 7489, 3.2).
func organisational(domain string) string {
	org, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return domain
	}
	return org
}
