package account

import (
	"context"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"github.com/postern-mail/postern/db"
)

// Fold gives the one form of an address under which an account is stored: lower
// case, composed (NFC), the domain in A-labels (RFC 5890). Local parts are
// folded too: no customer of ours is somebody else in capitals (RFC 5321, 2.4,
// leaves that to the host). Quoted local parts are not given out, so not known.
func Fold(address string) (folded, domain string, err error) {
	address = strings.TrimSpace(address)
	at := strings.LastIndexByte(address, '@')
	// Before anything that takes longer the longer it is.
	if at < 1 || len(address) > maxAddress || !utf8.ValidString(address) {
		return "", "", errAddress
	}
	local := norm.NFC.String(strings.ToLower(norm.NFC.String(address[:at])))
	// RFC 5321, 4.5.3.1, and the dot-atom of RFC 5322, 3.2.3, with the letters
	// of RFC 6531.
	if len(local) > 64 || local[0] == '.' || strings.HasSuffix(local, ".") || strings.Contains(local, "..") || strings.IndexFunc(local, notAtom) >= 0 {
		return "", "", errAddress
	}
	if domain, err = foldDomain(address[at+1:]); err != nil {
		return "", "", errAddress
	}
	return local + "@" + domain, domain, nil
}

var errAddress = invalid("account.invalid.address", "write an address such as ana@outlook.example")

// maxAddress is what RFC 5321, 4.5.3.1 allows, doubled for letters that are
// longer in UTF-8 than in an A-label.
const maxAddress = 2 * (64 + 1 + 255)

func notAtom(r rune) bool {
	if r >= utf8.RuneSelf {
		return !unicode.IsGraphic(r) || unicode.IsSpace(r)
	}
	return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", r))
}

func foldDomain(domain string) (string, error) {
	folded, err := idna.Lookup.ToASCII(domain)
	if err != nil || folded == "" || len(folded) > 253 || strings.HasSuffix(folded, ".") {
		return "", errAddress
	}
	return folded, nil
}

// Local says whether mail for a domain is ours to keep.
func (a *Accounts) Local(ctx context.Context, domain string) (local bool, err error) {
	folded, err := foldDomain(domain)
	if err != nil {
		return false, nil // no domain we could host
	}
	err = a.db.View(ctx, func(tx *db.Tx) error {
		var n int
		err := tx.Row("SELECT count(*) FROM account_domain WHERE domain = ?1", db.Args(folded), &n)
		local = n > 0
		return err
	})
	return local, err
}

// AddDomain hosts a domain before its first account. To add it twice is no
// error.
func (a *Accounts) AddDomain(ctx context.Context, domain string) error {
	folded, err := foldDomain(domain)
	if err != nil {
		return invalid("account.invalid.domain", "write a domain such as outlook.example")
	}
	return a.db.Update(ctx, func(tx *db.Tx) error { return addDomain(tx, folded, a.now()) })
}

func addDomain(tx *db.Tx, domain string, at time.Time) error {
	_, err := tx.Exec("INSERT INTO account_domain (domain, created) VALUES (?1, ?2) ON CONFLICT (domain) DO NOTHING", domain, millis(at))
	return err
}

// From says where an attempt comes from.
type From struct {
	Protocol string // "web", "imap" or "submission"
	Network  string // as [Network] gives it
	Agent    string // the client's own words, where it has some
}

// Network gives the /24 or /48 of an address, "203.0.113.0/24" (what one
// household or office has, as a rule), and "" for an address that is none.
func Network(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	bits := 48
	if addr.Is4() {
		bits = 24
	}
	p, err := addr.Prefix(bits)
	if err != nil || !p.IsValid() {
		return ""
	}
	return p.String()
}

const (
	maxNetwork = 64
	maxAgent   = 200
)

// bounded cuts what came from outside to what is stored.
func (f From) bounded() From {
	f.Network = bound(f.Network, maxNetwork)
	f.Agent = bound(f.Agent, maxAgent)
	return f
}

func bound(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	for len(s) > most {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}
