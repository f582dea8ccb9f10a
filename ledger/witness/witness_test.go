package witness

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/postern-mail/postern/ledger/verify"
)

// world is a signed checkpoint and a witness who has cosigned it.
func world(t testing.TB) (w verify.Witness, signed []byte, text, line string) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "log.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	text = verify.Checkpoint{Origin: "log.example", Size: 1, Root: tlog.RecordHash([]byte("x"))}.Body()
	if signed, err = note.Sign(&note.Note{Text: text}, signer); err != nil {
		t.Fatal(err)
	}
	private, public, err := verify.GenerateWitnessKey("w.example")
	if err != nil {
		t.Fatal(err)
	}
	c, err := verify.NewCosigner(private)
	if err != nil {
		t.Fatal(err)
	}
	if line, err = c.Sign(text, time.Unix(1_780_000_000, 0)); err != nil {
		t.Fatal(err)
	}
	p, err := verify.ParsePolicy([]byte("log " + vkey + "\nwitness w " + public + " https://w.example/\nquorum w\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p.Witnesses[0], signed, text, line
}

func TestAnswers(t *testing.T) {
	w, _, text, line := world(t)
	_, _, _, other := world(t)
	var conflict *ConflictError
	for name, c := range map[string]struct {
		status       int
		kind, answer string
		want         error
		at           uint64
	}{
		"one line":               {200, "", line, nil, 1_780_000_000},
		"other lines before":     {200, "", other + "— x.example AAAA\n" + line, nil, 1_780_000_000},
		"without its line feed":  {200, "", strings.TrimSuffix(line, "\n"), nil, 1_780_000_000},
		"another witness' alone": {200, "", other, errors.New("any"), 0},
		"too long":               {200, "", line + strings.Repeat("x", maxAnswer), errors.New("any"), 0},
		"409":                    {409, "text/x.tlog.size", "7\n", conflict, 0},
		"409 as plain text":      {409, "text/plain", "7\n", errors.New("any"), 0},
		"409 with our own size":  {409, "text/x.tlog.size", "3\n", ErrFork, 0},
		"409 with leading zeros": {409, "text/x.tlog.size", "07\n", errors.New("any"), 0},
		"422":                    {422, "", "", ErrFork, 0},
		"404":                    {404, "", "", ErrUnknown, 0},
		"403":                    {403, "", "", ErrForbidden, 0},
		"302":                    {302, "", line, errors.New("any"), 0},
	} {
		s, err := read(w, text, 3, c.status, c.kind, []byte(c.answer))
		switch {
		case c.want == nil && (err != nil || s.At != c.at || !strings.HasPrefix(s.Line, "— w.example ")):
			t.Errorf("%s: %+v, %v", name, s, err)
		case c.want != nil && err == nil:
			t.Errorf("%s: was believed", name)
		case c.want == error(conflict) && (!errors.As(err, &conflict) || conflict.Size != 7):
			t.Errorf("%s: %v", name, err)
		case errors.Is(c.want, ErrFork) || errors.Is(c.want, ErrUnknown) || errors.Is(c.want, ErrForbidden):
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// A witness that never answers costs the time that was given, and no more.
func TestSilence(t *testing.T) {
	w, signed, _, _ := world(t)
	gone := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-gone:
		}
	}))
	defer s.Close()
	defer close(gone)
	w.URL = s.URL
	if _, err := (Client{Timeout: 50 * time.Millisecond}).Add(context.Background(), w, Ask{Checkpoint: signed}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it answered: %v", err)
	}
	if _, err := (Client{}).Add(context.Background(), w, Ask{Checkpoint: []byte("x")}); err == nil {
		t.Error("something that is no checkpoint was sent")
	}
}

func FuzzAnswer(f *testing.F) {
	w, _, text, line := world(f)
	f.Add(200, "text/plain", []byte(line))
	f.Add(409, "text/x.tlog.size", []byte("12\n"))
	f.Fuzz(func(t *testing.T, status int, kind string, answer []byte) {
		s, err := read(w, text, 3, status, kind, answer)
		if err == nil && (status != 200 || s.At != 1_780_000_000) {
			t.Fatalf("%d %q %q was believed", status, kind, answer)
		}
	})
}
