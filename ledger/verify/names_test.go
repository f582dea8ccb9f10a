package verify

import "testing"

func TestFieldNames(t *testing.T) {
	for set, want := range map[uint32]string{0: "", 1<<11 | 1<<16: "subject, body", 1 << 31: "field 31"} {
		if got := fieldNames(set); got != want {
			t.Errorf("%b is %q, want %q", set, got, want)
		}
	}
}
