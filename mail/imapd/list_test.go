package imapd

import (
	"strings"
	"testing"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		name, ref, pattern string
		want               bool
	}{
		{"INBOX", "", "inbox", true}, {"INBOX", "", "%", true}, {"a/b", "", "%", false}, {"a/b", "", "%/%", true}, {"a/b", "", "*", true},
		{"a/b", "a", "%", true}, {"a/b", "a/", "b", true}, {"ab", "a", "b", false}, {"a/b", "x", "/a/b", true}, {"a", "", "", false},
		{"a/b/c", "", "a/*c", true}, {"a/b/c", "", "a/%c", false}, {"Café", "", "Caf%", true}, {"INBOX/a", "", "inbox/%", true}, {"Inboxes", "", "inboxes", false},
	} {
		if got := matches(c.name, c.ref, c.pattern); got != c.want {
			t.Errorf("%q under %q with %q: %v", c.name, c.ref, c.pattern, got)
		}
	}
	// With backtracking, this would take longer than the universe has.
	if matches(strings.Repeat("a", 200), "", strings.Repeat("*a", 1000)+"b") {
		t.Error("there is no b")
	}
}
