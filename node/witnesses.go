package node

import (
	"fmt"
	"net"
	"net/url"
	"os"

	"github.com/postern-mail/postern/ledger/verify"
)

// witnesses reads whom the log asks to cosign it.
func (n *Node) witnesses() (p verify.Policy, err error) {
	file := n.cfg.Ledger.Witnesses
	if file == "" {
		return p, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return p, fmt.Errorf("couldn't read ledger.witnesses: %w", err)
	}
	if p, err = verify.ParsePolicy(text); err != nil {
		return p, invalid("ledger.witnesses: %s: %v", file, err)
	}
	for _, k := range p.Logs {
		if k.Name() != n.cfg.Ledger.Origin {
			return p, invalid("ledger.witnesses: %s is about the log %q and this one is %q: write the file for this log", file, k.Name(), n.cfg.Ledger.Origin)
		}
	}
	for _, w := range p.Witnesses {
		u, err := url.Parse(w.URL)
		switch {
		case w.URL == "" || err != nil || u.Host == "":
			return p, invalid("ledger.witnesses: witness %s has no address: write its URL behind its key", w.Name)
		case u.Scheme == "https":
		case u.Scheme == "http" && loopback(u.Hostname()):
		default:
			return p, invalid("ledger.witnesses: witness %s is asked at %s: write https, or http on this machine", w.Name, w.URL)
		}
	}
	return p, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
