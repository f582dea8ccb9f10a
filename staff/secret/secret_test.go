package secret

import (
	"strings"
	"testing"
)

func FuzzIs(f *testing.F) {
	f.Add(New())
	f.Add("pst_")
	f.Add("pst_" + strings.Repeat("A", 49))
	f.Fuzz(func(t *testing.T, text string) {
		if !Is(text) {
			return
		}
		if text[:body]+checksum(text[:body]) != text || !strings.HasPrefix(text, prefix) {
			t.Errorf("%q is no secret", text)
		}
		for i := range len(text) {
			other := []byte(text)
			other[i] ^= 1
			if Is(string(other)) {
				t.Errorf("a wrong letter at %d was not seen", i)
			}
		}
	})
}

func TestNew(t *testing.T) {
	a, b := New(), New()
	markA, hashA := Hash(a)
	if a == b || !Is(a) || !Is(b) || len(markA) != 16 || len(hashA) != 32 || strings.Contains(a, markA) {
		t.Errorf("%q, %q, mark %s", a, b, markA)
	}
}
