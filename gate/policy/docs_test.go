package policy

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestTheManual holds docs/policy.md to the code: its examples are policies, and
// it names every key.
func TestTheManual(t *testing.T) {
	b, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	page, found := string(b), 0
	for i, part := range strings.Split(page, "```") {
		text, isTOML := strings.CutPrefix(part, "toml\n")
		if i%2 == 0 || !isTOML {
			continue
		}
		found++
		if _, err := Parse([]byte(text)); err != nil {
			t.Error(err)
		}
	}
	if found == 0 {
		t.Error("the page has no example")
	}
	for _, of := range []any{Rule{}, Organisation{}, Emergency{}} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(of)) {
			if key := f.Tag.Get("toml"); key != "" && !strings.Contains(page, "`"+key) {
				t.Errorf("the page does not name %s", key)
			}
		}
	}
}
