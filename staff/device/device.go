// Package device says whether a request was signed by a browser's key: DPoP
// proofs (RFC 9449), ES256 only.
//
// A session's cookie is a bearer's: whoever holds it is the member. A key that
// the browser makes and never gives away is not: a session that is bound to one
// counts only with a fresh proof in each request, so that a copied cookie opens
// nothing elsewhere. Our pages differ from RFC 9449 in three things. The cookie
// is no access token and scripts cannot read it, so "ath" is checked where it
// is given and may be missing. Of "htu" the scheme is not compared: a proxy in
// front may end TLS, and host and path name the place. A nonce is not asked
// for; a proof counts for [Window] and once.
//
// What it keeps: in memory, the proofs spent in the last minutes ([Spent]).
//
// Trust: it handles bytes that anybody may send, before anybody is known, and
// bounds them. It never sees a session's record, and must never log a proof.
package device

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Header is where a proof stands in a request (RFC 9449, 4.1).
const Header = "DPoP"

const (
	// Window is how far a proof's time may lie from ours, before or after.
	Window = 2 * time.Minute
	// maxProof bounds a proof; one of a P-256 key has about 450 bytes.
	maxProof = 2 << 10
	maxID    = 64
)

// Request is what a proof has to be about. The zero Request carries none.
type Request struct {
	Proof  string // the header as it came; "" for none
	Method string
	Host   string // with the port, as the browser wrote it
	Path   string // as it was sent, escaped
}

// Of reads a request. More than one proof is as good as a wrong one
// (RFC 9449, 4.3, 1).
func Of(r *http.Request) Request {
	all := r.Header.Values(Header)
	d := Request{Method: r.Method, Host: r.Host, Path: r.URL.EscapedPath()}
	if len(all) > 0 {
		d.Proof = strings.Join(all, ", ")
	}
	return d
}

// Proof is what a proof that is right says.
type Proof struct {
	Thumbprint string // of the key: RFC 7638, SHA-256, in base64url
	ID         string
	At         time.Time
}

// ErrStale is wrapped where everything is right but the time: a browser whose
// clock is wrong, or an old proof again.
var ErrStale = errors.New("the proof is not of now")

type claims struct {
	ID     string   `json:"jti"`
	Method string   `json:"htm"`
	URL    string   `json:"htu"`
	At     *float64 `json:"iat"`
	Hash   *string  `json:"ath"`
}

// Check checks a request's proof (RFC 9449, 4.3), all but that it was not used
// before: [Spent] does that, once the key is known to be the right one. token is
// the secret that the request carries besides, "" for none.
func Check(r Request, token string, now time.Time) (p Proof, err error) {
	if r.Proof == "" || len(r.Proof) > maxProof {
		return p, errors.New("there is no proof, or one too long")
	}
	jws, err := jose.ParseSignedCompact(r.Proof, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return p, fmt.Errorf("the proof is no JWS: %w", err)
	}
	head := jws.Signatures[0].Protected
	key := head.JSONWebKey
	if head.ExtraHeaders[jose.HeaderType] != "dpop+jwt" || key == nil {
		return p, errors.New("the proof's header is no DPoP proof's")
	}
	if public, ok := key.Key.(*ecdsa.PublicKey); !ok || public.Curve != elliptic.P256() || !key.Valid() {
		return p, errors.New("the proof's key is no public key on P-256")
	}
	body, err := jws.Verify(key)
	if err != nil {
		return p, fmt.Errorf("the proof's signature is wrong: %w", err)
	}
	var c claims
	if err := json.Unmarshal(body, &c); err != nil {
		return p, fmt.Errorf("the proof holds no claims: %w", err)
	}
	switch {
	case c.ID == "" || len(c.ID) > maxID || c.At == nil:
		return p, errors.New("the proof lacks a claim")
	case c.Method != r.Method || !samePlace(c.URL, r):
		return p, errors.New("the proof is about another request")
	case c.Hash != nil && !hashes(*c.Hash, token):
		return p, errors.New("the proof is about another session")
	}
	print, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return p, fmt.Errorf("the key has no thumbprint: %w", err)
	}
	p = Proof{Thumbprint: base64.RawURLEncoding.EncodeToString(print), ID: c.ID}
	// As numbers: no time can hold every number that may stand there.
	if off := *c.At - float64(now.Unix()); !(off >= -Window.Seconds() && off <= Window.Seconds()) {
		return p, ErrStale
	}
	p.At = time.Unix(int64(*c.At), 0)
	return p, nil
}

// samePlace compares without query and fragment (RFC 9449, 4.3, 9).
func samePlace(address string, r Request) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return false
	}
	return strings.EqualFold(u.Host, r.Host) && u.EscapedPath() == r.Path
}

func hashes(hash, token string) bool {
	sum := sha256.Sum256([]byte(token))
	return token != "" && subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(hash)) == 1
}

// Same compares two thumbprints in constant time; an empty one is like none.
func Same(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
