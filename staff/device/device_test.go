package device

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var noon = time.Date(2026, 5, 14, 12, 0, 0, 0, time.UTC)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sign makes a proof as a browser would, with another header where one is given.
func sign(t testing.TB, key any, alg jose.SignatureAlgorithm, typ string, claims any) string {
	t.Helper()
	o := &jose.SignerOptions{EmbedJWK: true}
	if typ != "" {
		o = o.WithType(jose.ContentType(typ))
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func right() map[string]any {
	return map[string]any{"jti": "one", "htm": "POST", "htu": "https://desk.example/cases/1/note", "iat": noon.Unix()}
}

func TestCheck(t *testing.T) {
	key := newKey(t)
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("token"))
	ath := base64.RawURLEncoding.EncodeToString(sum[:])
	with := func(name string, value any) string {
		c := right()
		c[name] = value
		if value == nil {
			delete(c, name)
		}
		return sign(t, key, jose.ES256, "dpop+jwt", c)
	}
	good := with("jti", "one")
	parts := strings.Split(good, ".")
	for _, test := range []struct {
		name, proof string
		ok, stale   bool
	}{
		{"right", good, true, false},
		{"right, over a proxy that ends TLS, in other letters", with("htu", "http://Desk.Example/cases/1/note"), true, false},
		{"right, with a query", with("htu", "https://desk.example/cases/1/note?a=b#c"), true, false},
		{"right, of this session", with("ath", ath), true, false},
		{"right, at the window's edge", with("iat", noon.Add(Window).Unix()), true, false},
		{"of another session", with("ath", base64.RawURLEncoding.EncodeToString(make([]byte, 32))), false, false},
		{"none", "", false, false},
		{"no JWS", "nonsense", false, false},
		{"too long", good + strings.Repeat("A", maxProof), false, false},
		{"two", good + ", " + good, false, false},
		{"another method", with("htm", "GET"), false, false},
		{"another path", with("htu", "https://desk.example/cases/2/note"), false, false},
		{"another host", with("htu", "https://response.example/cases/1/note"), false, false},
		{"another port", with("htu", "https://desk.example:8443/cases/1/note"), false, false},
		{"no address", with("htu", "::"), false, false},
		{"another scheme", with("htu", "ftp://desk.example/cases/1/note"), false, false},
		{"no id", with("jti", ""), false, false},
		{"a long id", with("jti", strings.Repeat("x", maxID+1)), false, false},
		{"no time", with("iat", nil), false, false},
		{"old", with("iat", noon.Add(-Window-time.Second).Unix()), false, true},
		{"of the future", with("iat", noon.Add(Window+time.Second).Unix()), false, true},
		{"beyond any time", with("iat", 1e300), false, true},
		{"another type", sign(t, key, jose.ES256, "jwt", right()), false, false},
		{"no type", sign(t, key, jose.ES256, "", right()), false, false},
		{"another algorithm", sign(t, other, jose.ES384, "dpop+jwt", right()), false, false},
		{"a shared secret", sign(t, []byte("0123456789abcdef0123456789abcdef"), jose.HS256, "dpop+jwt", right()), false, false},
		{"no claims", sign(t, key, jose.ES256, "dpop+jwt", "text"), false, false},
		{"another body", parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"jti":"two"}`)) + "." + parts[2], false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := Request{Proof: test.proof, Method: "POST", Host: "desk.example", Path: "/cases/1/note"}
			p, err := Check(r, "token", noon)
			if (err == nil) != test.ok || errors.Is(err, ErrStale) != test.stale {
				t.Fatalf("Check = %v", err)
			}
			if test.ok && (p.Thumbprint == "" || p.ID != "one") {
				t.Errorf("%+v says too little", p)
			}
		})
	}
}

// The thumbprint is the key's, and of no other.
func TestThumbprint(t *testing.T) {
	a, b := newKey(t), newKey(t)
	of := func(k *ecdsa.PrivateKey) string {
		p, err := Check(Request{sign(t, k, jose.ES256, "dpop+jwt", right()), "POST", "desk.example", "/cases/1/note"}, "", noon)
		if err != nil {
			t.Fatal(err)
		}
		return p.Thumbprint
	}
	if !Same(of(a), of(a)) || Same(of(a), of(b)) || Same("", "") {
		t.Error("thumbprints do not tell keys apart")
	}
}

func TestOf(t *testing.T) {
	r := httptest.NewRequest("GET", "https://desk.example/a%2Fb?q=1", nil)
	r.Header.Add(Header, "x")
	if got, want := Of(r), (Request{"x", "GET", "desk.example", "/a%2Fb"}); got != want {
		t.Errorf("Of = %+v, want %+v", got, want)
	}
	r.Header.Add(Header, "y")
	if got := Of(r).Proof; got != "x, y" {
		t.Errorf("two proofs are %q", got)
	}
}

func TestSpent(t *testing.T) {
	s := NewSpent()
	p := Proof{Thumbprint: "key", ID: "one"}
	if !s.Spend(p, noon) || s.Spend(p, noon) {
		t.Error("a proof counts once")
	}
	if !s.Spend(Proof{Thumbprint: "another", ID: "one"}, noon) {
		t.Error("another key may use the same id")
	}
	for _, after := range []time.Duration{Window, 2 * Window, 2*Window + time.Second, 4 * Window} {
		if s.Spend(p, noon.Add(after)) {
			t.Errorf("after %v it counted again", after)
		}
	}
	s.max = len(s.now) + 1
	if !s.Spend(Proof{ID: "a"}, noon.Add(4*Window)) || s.Spend(Proof{ID: "b"}, noon.Add(4*Window)) {
		t.Error("a full memory must refuse, not forget")
	}
	if !s.Spend(Proof{ID: "b"}, noon.Add(20*Window)) || len(s.now) != 1 || len(s.older) != 0 {
		t.Error("it does not forget what counts no more")
	}
}

func FuzzCheck(f *testing.F) {
	key := newKey(f)
	good := sign(f, key, jose.ES256, "dpop+jwt", right())
	f.Add(good)
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Add(`{"payload":"e30","signatures":[]}`)
	f.Add(fmt.Sprintf("%s.e30.", strings.Split(good, ".")[0]))
	f.Fuzz(func(t *testing.T, proof string) {
		p, err := Check(Request{proof, "POST", "desk.example", "/cases/1/note"}, "token", noon)
		if err == nil && (p.Thumbprint == "" || p.ID == "" || p.At.Sub(noon).Abs() > Window) {
			t.Errorf("%+v was taken", p)
		}
	})
}
