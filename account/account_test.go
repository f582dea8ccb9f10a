package account

import (
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/password"
	"github.com/postern-mail/postern/testkit/engine"
)

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

type house struct {
	*Accounts
	clock *clock
	ana   Account
}

const (
	secret    = "a pass phrase"
	home      = "203.0.113.0/24"
	elsewhere = "198.51.100.0/24"
)

// each runs f on every engine, in a house where Ana lives.
func each(t *testing.T, f func(t *testing.T, h *house)) {
	t.Helper()
	engine.Each(t, func(t *testing.T, o engine.Open) {
		c := &clock{t: time.Date(2026, 5, 14, 9, 0, 0, 0, time.UTC)}
		a, err := Open(t.Context(), Parts{DB: o(open.Mail), Now: c.now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Cost: password.Cheap()})
		if err != nil {
			t.Fatal(err)
		}
		ana, err := a.Create(t.Context(), New{Address: "Ana@Outlook.Example", Name: "Ana Ruiz", Locale: "fr", Password: secret})
		if err != nil {
			t.Fatal(err)
		}
		f(t, &house{a, c, ana})
	})
}

func wantKey(t testing.TB, err error, key string) {
	t.Helper()
	if got := postern.KeyOf(err); got != key {
		t.Errorf("refused with %q (%v), want %q", got, err, key)
	}
}

func TestCreate(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		if h.ana.Address != "ana@outlook.example" || h.ana.Status != Active || h.ana.QuotaBytes != DefaultQuota {
			t.Errorf("made %+v", h.ana)
		}
		for _, test := range []struct {
			name string
			n    New
			kind postern.Kind
		}{
			{"taken, in capitals", New{Address: "ANA@OUTLOOK.EXAMPLE"}, postern.Conflict},
			{"no address", New{}, postern.Invalid},
			{"no domain", New{Address: "ana"}, postern.Invalid},
			{"other locale", New{Address: "b@outlook.example", Locale: "de"}, postern.Invalid},
			{"short password", New{Address: "b@outlook.example", Password: "1234567"}, postern.Invalid},
			{"negative quota", New{Address: "b@outlook.example", QuotaBytes: -1}, postern.Invalid},
			{"long name", New{Address: "b@outlook.example", Name: strings.Repeat("x", 201)}, postern.Invalid},
		} {
			t.Run(test.name, func(t *testing.T) {
				if _, err := h.Create(t.Context(), test.n); postern.KindOf(err) != test.kind {
					t.Errorf("got %v, want kind %d", err, test.kind)
				}
			})
		}
		got, err := h.ByAddress(t.Context(), "ana@OUTLOOK.example")
		if err != nil || got != h.ana {
			t.Errorf("ByAddress = %+v, %v; want %+v", got, err, h.ana)
		}
		if got, err := h.ByID(t.Context(), h.ana.ID); err != nil || got != h.ana {
			t.Errorf("ByID = %+v, %v", got, err)
		}
		if _, err := h.ByAddress(t.Context(), "not an address"); postern.KindOf(err) != postern.NotFound {
			t.Errorf("ByAddress of nonsense: %v", err)
		}
		if err := h.SetLocale(t.Context(), "nobody", "en"); postern.KindOf(err) != postern.NotFound {
			t.Errorf("SetLocale of nobody: %v", err)
		}
	})
}

func TestOneAddressOneAccount(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var made atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				switch _, err := h.Create(t.Context(), New{Address: "bo@msn.example"}); {
				case err == nil:
					made.Add(1)
				case postern.KindOf(err) != postern.Conflict:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if made.Load() != 1 {
			t.Errorf("%d accounts with one address", made.Load())
		}
	})
}

func TestList(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for _, address := range []string{"zoe@msn.example", "bo@hotmail.example", "cy@msn.example"} {
			if _, err := h.Create(t.Context(), New{Address: address}); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for after := ""; ; {
			page, err := h.List(t.Context(), after, 3)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, a := range page {
				got = append(got, a.Address)
			}
			after = got[len(got)-1]
		}
		if want := []string{"ana@outlook.example", "bo@hotmail.example", "cy@msn.example", "zoe@msn.example"}; !slices.Equal(got, want) {
			t.Errorf("listed %v", got)
		}
	})
}

func TestLocal(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		if err := h.AddDomain(t.Context(), "Bücher.example"); err != nil {
			t.Fatal(err)
		}
		if err := h.AddDomain(t.Context(), "xn--bcher-kva.example"); err != nil {
			t.Fatal(err)
		}
		if err := h.AddDomain(t.Context(), "a b"); postern.KindOf(err) != postern.Invalid {
			t.Errorf("hosted a space: %v", err)
		}
		for domain, want := range map[string]bool{
			"outlook.example": true, "OUTLOOK.EXAMPLE": true, "bücher.example": true, "xn--bcher-kva.example": true,
			"gmail.example": false, "": false, "a b": false, "mail.outlook.example": false, "[127.0.0.1]": false,
		} {
			if got, err := h.Local(t.Context(), domain); err != nil || got != want {
				t.Errorf("Local(%q) = %v, %v", domain, got, err)
			}
		}
	})
}

func TestFold(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"ana@outlook.example", "ana@outlook.example"},
		{" Ana.Ruiz+News@Outlook.Example ", "ana.ruiz+news@outlook.example"},
		{"É@bücher.example", "é@xn--bcher-kva.example"},
		{"e\u0301@x.example", "é@x.example"},
		{"a@b@c.example", ""},
		{`"a b"@x.example`, ""},
		{"@x.example", ""},
		{"a@", ""},
		{".a@x.example", ""},
		{"a.@x.example", ""},
		{"a..b@x.example", ""},
		{"a b@x.example", ""},
		{"a\x00@x.example", ""},
		{"a\u200b@x.example", ""},
		{"a@x.example.", ""},
		{"a@[192.0.2.1]", ""},
		{strings.Repeat("a", 65) + "@x.example", ""},
	} {
		got, domain, err := Fold(test.in)
		if got != test.want || (err == nil) != (test.want != "") || err == nil && !strings.HasSuffix(got, "@"+domain) {
			t.Errorf("Fold(%q) = %q, %v; want %q", test.in, got, err, test.want)
		}
	}
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"ana@outlook.example", "É@Bücher.example", "@", "a@xn--a", "İ@x.example", "ſ@x.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once, domain, err := Fold(s)
		if err != nil {
			return
		}
		twice, again, err := Fold(once)
		if err != nil || twice != once || again != domain {
			t.Errorf("Fold(%q) = %q, then %q (%v)", s, once, twice, err)
		}
		if strings.ContainsAny(once, " \r\n\x00") {
			t.Errorf("Fold(%q) = %q", s, once)
		}
	})
}

func TestNetwork(t *testing.T) {
	for addr, want := range map[string]string{"203.0.113.77": home, "::ffff:203.0.113.77": home, "2001:db8:1:2::3": "2001:db8:1::/48"} {
		if got := Network(netip.MustParseAddr(addr)); got != want {
			t.Errorf("Network(%s) = %q", addr, got)
		}
	}
	if got := Network(netip.Addr{}); got != "" {
		t.Errorf("Network of nothing = %q", got)
	}
}

func TestSignIn(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		app, err := h.NewAppPassword(t.Context(), h.ana.ID, "phone")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Create(t.Context(), New{Address: "bo@msn.example"}); err != nil {
			t.Fatal(err)
		}
		steps := []struct {
			name, address, pass, protocol, key string
		}{
			{"right", "ANA@outlook.example", secret, "web", ""},
			{"wrong", "ana@outlook.example", secret + "x", "web", KeyWrong},
			{"app password over IMAP", "ana@outlook.example", app, "imap", ""},
			{"app password typed without hyphens", "ana@outlook.example", strings.ToUpper(strings.ReplaceAll(app, "-", "")), "submission", ""},
			{"app password on the web", "ana@outlook.example", app, "web", KeyWrong},
			{"password over IMAP", "ana@outlook.example", secret, "imap", ""},
			{"nobody", "nobody@outlook.example", secret, "web", KeyWrong},
			{"nonsense", "\xff", "", "web", KeyWrong},
			{"too long", "ana@outlook.example", strings.Repeat("x", 5000), "imap", KeyWrong},
			{"no password yet", "bo@msn.example", "", "web", KeyWrong},
		}
		for _, s := range steps {
			h.clock.pass(time.Second)
			acc, err := h.SignIn(t.Context(), s.address, s.pass, From{Protocol: s.protocol, Network: home})
			if wantKey(t, err, s.key); err == nil && acc != h.ana {
				t.Errorf("%s: signed in as %+v", s.name, acc)
			}
		}
		if err := h.SetStatus(t.Context(), h.ana.ID, Frozen); err != nil {
			t.Fatal(err)
		}
		h.clock.pass(time.Second)
		_, err = h.SignIn(t.Context(), h.ana.Address, secret, From{Protocol: "web", Network: elsewhere})
		wantKey(t, err, KeyFrozen)

		all, err := h.SignIns(t.Context(), h.ana.ID, 100)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range all {
			got = append(got, s.Protocol+" "+s.Result)
		}
		want := []string{"web frozen", "imap wrong-password", "imap ok", "web wrong-password", "submission ok", "imap ok", "web wrong-password", "web ok"}
		if !slices.Equal(got, want) || all[0].Network != elsewhere || !all[0].At.Equal(h.clock.now()) {
			t.Errorf("history %v, want %v", got, want)
		}
		if some, err := h.SignIns(t.Context(), h.ana.ID, 2); err != nil || len(some) != 2 {
			t.Errorf("the last two: %v, %v", some, err)
		}
	})
}

func TestAppPasswords(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		if _, err := h.NewAppPassword(t.Context(), h.ana.ID, " "); postern.KindOf(err) != postern.Invalid {
			t.Errorf("an app password for nothing: %v", err)
		}
		app, err := h.NewAppPassword(t.Context(), h.ana.ID, "phone")
		if err != nil {
			t.Fatal(err)
		}
		if len(app) != 23 {
			t.Errorf("made %d characters", len(app))
		}
		in := func() error {
			_, err := h.SignIn(t.Context(), h.ana.Address, app, From{Protocol: "imap", Network: home})
			return err
		}
		if err := in(); err != nil {
			t.Fatal(err)
		}
		all, err := h.AppPasswords(t.Context(), h.ana.ID)
		if err != nil || len(all) != 1 || all[0].Label != "phone" || !all[0].LastUsed.Equal(h.clock.now()) {
			t.Errorf("listed %+v, %v", all, err)
		}
		bo, err := h.Create(t.Context(), New{Address: "bo@msn.example"})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.RevokeAppPassword(t.Context(), bo.ID, all[0].ID); postern.KindOf(err) != postern.NotFound {
			t.Errorf("somebody else's app password is revoked: %v", err)
		}
		if err := h.RevokeAppPassword(t.Context(), h.ana.ID, all[0].ID); err != nil {
			t.Fatal(err)
		}
		wantKey(t, in(), KeyWrong)
		for range maxAppPasswords {
			if _, err := h.NewAppPassword(t.Context(), h.ana.ID, "another"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := h.NewAppPassword(t.Context(), h.ana.ID, "one more"); postern.KindOf(err) != postern.Conflict {
			t.Errorf("more than the bound: %v", err)
		}
	})
}

func TestFailuresCost(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		try := func(pass, network string) error {
			_, err := h.SignIn(t.Context(), h.ana.Address, pass, From{Protocol: "imap", Network: network})
			return err
		}
		if err := try(secret, home); err != nil {
			t.Fatal(err)
		}
		for range freeHere {
			wantKey(t, try("guess", elsewhere), KeyWrong)
		}
		wantKey(t, try(secret, elsewhere), KeyThrottled) // unlooked-at, even when right
		h.clock.pass(2 * time.Second)
		wantKey(t, try("guess", elsewhere), KeyWrong)
		h.clock.pass(2 * time.Second)
		wantKey(t, try("guess", elsewhere), KeyThrottled)
		for i := range freeAddress {
			try("guess", fmt.Sprintf("10.0.%d.0/24", i))
		}
		wantKey(t, try("guess", "10.9.9.0/24"), KeyThrottled)
		if err := try(secret, home); err != nil {
			t.Errorf("strangers lock the owner out: %v", err)
		}
		h.clock.pass(password.Forget)
		if err := try(secret, elsewhere); err != nil {
			t.Errorf("locked out for good: %v", err)
		}
		// A success forgets this network's failures.
		for range freeHere - 1 {
			wantKey(t, try("guess", home), KeyWrong)
		}
		if err := try(secret, home); err != nil {
			t.Fatal(err)
		}
		for range freeHere - 1 {
			wantKey(t, try("guess", home), KeyWrong)
		}
	})
}

func TestParallelGuesses(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var looked atomic.Int32
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				_, err := h.SignIn(t.Context(), h.ana.Address, "guess", From{Protocol: "web", Network: elsewhere})
				if postern.KeyOf(err) == KeyWrong {
					looked.Add(1)
				}
			})
		}
		wg.Wait()
		// Two hashes run at a time: one more than is free may slip in.
		if n := looked.Load(); n < freeHere || n > freeHere+1 {
			t.Errorf("%d of 40 guesses were looked at, want %d", n, freeHere)
		}
	})
}

func TestSessions(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		from := From{Protocol: "web", Network: home, Agent: "Browser\n"}
		token, s, err := h.StartSession(t.Context(), h.ana.ID, from)
		if err != nil {
			t.Fatal(err)
		}
		acc, got, err := h.SessionOf(t.Context(), token)
		if err != nil || acc != h.ana || got != s || got.Agent != "Browser" {
			t.Errorf("SessionOf = %+v, %+v, %v; want %+v", acc, got, err, s)
		}
		use := func(token string) error {
			_, _, err := h.SessionOf(t.Context(), token)
			return err
		}
		for _, odd := range []string{"", ".", "x", token + "x", "other" + token, strings.Repeat("x", 200)} {
			wantKey(t, use(odd), KeySignedOut)
		}
		h.clock.pass(SessionIdle - time.Second)
		if err := use(token); err != nil {
			t.Fatal(err)
		}
		h.clock.pass(SessionIdle)
		wantKey(t, use(token), KeySignedOut)

		token, s, err = h.StartSession(t.Context(), h.ana.ID, from)
		if err != nil {
			t.Fatal(err)
		}
		other, _, err := h.StartSession(t.Context(), h.ana.ID, from)
		if err != nil {
			t.Fatal(err)
		}
		if all, err := h.Sessions(t.Context(), h.ana.ID); err != nil || len(all) != 2 {
			t.Errorf("Sessions = %+v, %v", all, err)
		}
		if err := h.EndSession(t.Context(), "somebody else", s.ID); postern.KindOf(err) != postern.NotFound {
			t.Errorf("somebody else ended it: %v", err)
		}
		if err := h.EndSession(t.Context(), h.ana.ID, s.ID); err != nil {
			t.Fatal(err)
		}
		wantKey(t, use(token), KeySignedOut)
		if err := h.SetStatus(t.Context(), h.ana.ID, Frozen); err != nil {
			t.Fatal(err)
		}
		wantKey(t, use(other), KeyFrozen)
		if err := h.SetStatus(t.Context(), h.ana.ID, Active); err != nil {
			t.Fatal(err)
		}
		if err := use(other); err != nil {
			t.Fatal(err)
		}
		if err := h.SetPassword(t.Context(), h.ana.ID, "another phrase"); err != nil {
			t.Fatal(err)
		}
		wantKey(t, use(other), KeySignedOut)
		if _, err := h.SignIn(t.Context(), h.ana.Address, "another phrase", from); err != nil {
			t.Error(err)
		}
		_, err = h.SignIn(t.Context(), h.ana.Address, secret, from)
		wantKey(t, err, KeyWrong)

		var kept int
		if err := h.db.View(t.Context(), func(tx *db.Tx) error {
			return tx.Row("SELECT count(*) FROM account_session WHERE length(token_hash) = 32", nil, &kept)
		}); err != nil || kept != 3 {
			t.Errorf("%d sessions keep a hash of their token, %v", kept, err)
		}
	})
}
