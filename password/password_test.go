package password

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestHashAndVerify(t *testing.T) {
	h := New(Cheap())
	encoded, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if encoded == again {
		t.Error("two hashes of one password are the same: no salt")
	}
	tests := []struct {
		name, encoded, password string
		want                    bool
	}{
		{"right", encoded, "correct horse", true},
		{"right, other salt", again, "correct horse", true},
		{"wrong", encoded, "correct horsf", false},
		{"empty password", encoded, "", false},
		{"no hash", "", "correct horse", false},
		{"no hash, empty password", "", "", false},
		{"unreadable hash", "$argon2id$v=19$m=64,t=1,p=1$$", "correct horse", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			turn, err := h.Turn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer turn.End()
			if got := turn.Verify(test.encoded, test.password); got != test.want {
				t.Errorf("Verify = %v, want %v", got, test.want)
			}
		})
	}
}

func TestFullCostIsTheZeroCost(t *testing.T) {
	h := New(Cost{})
	encoded, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(encoded, "$argon2id$v=19$m=65536,t=3,p=4$") {
		t.Errorf("hashed at %q", encoded[:34])
	}
	// A hash keeps its cost when the hasher's changes.
	turn, err := New(Cheap()).Turn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer turn.End()
	if !turn.Verify(encoded, "correct horse") {
		t.Error("a hash at another cost is not verified")
	}
}

func TestTurnsAreBounded(t *testing.T) {
	h := New(Cheap())
	var now, most atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			turn, err := h.Turn(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			turn.Verify("", "x")
			now.Add(-1)
			turn.End()
		})
	}
	wg.Wait()
	if most.Load() > atOnce {
		t.Errorf("%d at once, want at most %d", most.Load(), atOnce)
	}

	for range atOnce {
		if _, err := h.Turn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("a full hasher does not give up with its caller: %v", err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := encode(Cheap(), make([]byte, 16), make([]byte, 32))
	if _, _, _, err := decode(good); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{
		"empty":          "",
		"other function": strings.Replace(good, "argon2id", "argon2i", 1),
		"other version":  strings.Replace(good, "v=19", "v=16", 1),
		"all memory":     strings.Replace(good, "m=64", "m=4294967295", 1),
		"too many turns": strings.Replace(good, "t=1", "t=4000000", 1),
		"no lanes":       strings.Replace(good, "p=1", "p=0", 1),
		"leading zero":   strings.Replace(good, "t=1", "t=01", 1),
		"order":          strings.Replace(good, "m=64,t=1", "t=1,m=64", 1),
		"padding":        good + "=",
		"more":           good + "$",
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, _, err := decode(s); err == nil {
				t.Errorf("decoded %q", s)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		password string
		want     Flaw
	}{
		{"12345678", Fine},
		{"1234567", TooShort},
		{"éééééééé", Fine},
		{"éééé", TooShort},
		{strings.Repeat("x", MaxBytes), Fine},
		{strings.Repeat("x", MaxBytes+1), TooLong},
		{"1234567\xff", NotText},
	} {
		if got := Check(test.password); got != test.want {
			t.Errorf("Check of %d bytes = %d, want %d", len(test.password), got, test.want)
		}
	}
}

func TestWait(t *testing.T) {
	for _, test := range []struct {
		failures, free int
		want           time.Duration
	}{
		{0, 5, 0}, {4, 5, 0}, {5, 5, 2 * time.Second}, {6, 5, 4 * time.Second}, {13, 5, 512 * time.Second},
		{14, 5, 15 * time.Minute}, {1 << 40, 5, 15 * time.Minute},
	} {
		if got := Wait(test.failures, test.free); got != test.want {
			t.Errorf("Wait(%d, %d) = %v, want %v", test.failures, test.free, got, test.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(Cheap(), make([]byte, 16), make([]byte, 32)))
	f.Add(encode(Full(), make([]byte, 8), make([]byte, 64)))
	f.Add("$argon2id$v=19$m=1,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, s string) {
		c, salt, hash, err := decode(s)
		if err != nil {
			return
		}
		if c.MemoryKiB > maxMemoryKiB || c.Time > maxTime {
			t.Errorf("%q asks too much", s)
		}
		if got := encode(c, salt, hash); got != s {
			t.Errorf("%q encodes again as %q", s, got)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	h := New(Full())
	encoded, err := h.Hash(b.Context(), "correct horse")
	if err != nil {
		b.Fatal(err)
	}
	turn, err := h.Turn(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		turn.Verify(encoded, "correct horse")
	}
}
