package api_test

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/postern-mail/postern/staff"
)

// Why a program has no use for a route.
const (
	signsIn = "- a person signs in, or proves to be there; a program has its token"
	typing  = "- a person is typing, or is helped to type"
	setsUp  = "- a hook is another way in for a program, and a program makes none"
)

// pages maps every route by which a page does something to the operation, or the
// operations, that do the same, or says why there is none.
var pages = map[string]string{
	"desk/web POST /sign-in":                           signsIn,
	"desk/web POST /sign-in/demo":                      signsIn,
	"desk/web POST /sign-in/passkey/begin":             signsIn,
	"desk/web POST /sign-in/passkey":                   signsIn,
	"desk/web POST /passkey/begin":                     signsIn,
	"desk/web POST /passkey":                           signsIn,
	"desk/web POST /prove":                             signsIn,
	"desk/web POST /prove/passkey/begin":               signsIn,
	"desk/web POST /prove/passkey":                     signsIn,
	"desk/web POST /prove/demo":                        signsIn,
	"desk/web POST /sign-out":                          signsIn,
	"desk/web POST /cases/{id}/reply":                  "reply-to-case",
	"desk/web POST /cases/{id}/note":                   "note-on-case",
	"desk/web POST /cases/{id}/assign":                 "assign-case",
	"desk/web POST /cases/{id}/close":                  "close-case",
	"desk/web POST /cases/{id}/reopen":                 "reopen-case",
	"desk/web POST /cases/{id}/checklist/suggest":      typing,
	"desk/web POST /cases/{id}/ask":                    "ask",
	"desk/web POST /accounts/ask":                      "ask",
	"desk/web POST /requests/{id}/cancel":              "cancel-request",
	"desk/web POST /grants/{id}/close":                 "close-grant",
	"desk/web POST /grants/{id}/messages/{mid}/show":   "reveal",
	"desk/web POST /approvals/{id}":                    "approve refuse",
	"desk/web POST /emergency":                         "ask",
	"desk/web POST /holds":                             "make-hold",
	"desk/web POST /holds/{id}/confirm":                "confirm-hold",
	"desk/web POST /holds/{id}/end":                    "end-hold",
	"desk/web POST /views":                             "save-view",
	"desk/web POST /views/{id}/drop":                   "drop-view",
	"desk/web POST /cases/{id}/hand-over":              "hand-over-case",
	"desk/web POST /cases/{id}/organisation":           "assign-organisation",
	"desk/web POST /cases/{id}/edit":                   "edit-case",
	"desk/web POST /cases/{id}/merge":                  "merge-case",
	"desk/web POST /cases/{id}/unmerge":                "unmerge-case",
	"desk/web POST /cases/{id}/macro":                  typing,
	"desk/web POST /cases/{id}/writing":                typing,
	"desk/web POST /setup/macros":                      "save-macro",
	"desk/web POST /setup/macros/{id}/drop":            "drop-macro",
	"desk/web POST /setup/hooks":                       setsUp,
	"desk/web POST /setup/hooks/{id}/{act}":            setsUp,
	"desk/web POST /setup/targets":                     "set-targets",
	"response/web POST /sign-in":                       signsIn,
	"response/web POST /sign-in/passkey/begin":         signsIn,
	"response/web POST /sign-in/passkey":               signsIn,
	"response/web POST /sign-in/demo":                  signsIn,
	"response/web POST /sign-out":                      signsIn,
	"response/web POST /prove":                         signsIn,
	"response/web POST /prove/passkey/begin":           signsIn,
	"response/web POST /prove/passkey":                 signsIn,
	"response/web POST /prove/demo":                    signsIn,
	"response/web POST /alerts/{id}/dismiss":           "dismiss-alert",
	"response/web POST /incidents":                     "open-incident",
	"response/web POST /incidents/{id}/note":           "note-on-incident",
	"response/web POST /incidents/{id}/tasks":          "add-task",
	"response/web POST /incidents/{id}/tasks/{n}":      "set-task",
	"response/web POST /incidents/{id}/lead":           "take-lead",
	"response/web POST /incidents/{id}/cause":          "set-cause",
	"response/web POST /incidents/{id}/severity":       "set-severity",
	"response/web POST /incidents/{id}/close":          "close-incident",
	"response/web POST /incidents/{id}/reopen":         "reopen-incident",
	"response/web POST /incidents/{id}/contain":        "contain",
	"response/web POST /incidents/{id}/scope":          "scope-incident",
	"response/web POST /incidents/{id}/notices/{verb}": "draft-notices submit-notices approve-notices return-notices release-notices stop-notices resume-notices retry-notices try-notice",
	"response/web POST /incidents/{id}/followup":       "follow-up",
	"response/web POST /codes":                         "check-code",
	"response/web POST /contain":                       "contain",
	"response/web POST /containments/{id}/lift":        "lift-containment",
}

// document gives the operations of the served document by their ids.
func (w *world) document() map[string]documented {
	w.t.Helper()
	doc := w.must(200, "", "GET", "/api/openapi.json", nil)
	all := map[string]documented{}
	paths, _ := doc["paths"].(map[string]any)
	for path, item := range paths {
		methods, _ := item.(map[string]any)
		for method, o := range methods {
			op, _ := o.(map[string]any)
			d := documented{method: strings.ToUpper(method), path: path}
			needs, _ := op["security"].([]any)
			for _, n := range needs {
				by, _ := n.(map[string]any)
				scopes, _ := by["token"].([]any)
				for _, s := range scopes {
					name, _ := s.(string)
					d.scopes = append(d.scopes, name)
				}
			}
			all[str(w.t, op, "operationId")] = d
		}
	}
	return all
}

type documented struct {
	method, path string
	scopes       []string
}

// TestPagesHaveOperations fails when a page learns to do something that the API
// cannot do, until somebody says which operation does it, or why none should.
func TestPagesHaveOperations(t *testing.T) {
	operations := newWorld(t).document()
	route := regexp.MustCompile(`"((?:POST|PUT|PATCH|DELETE) /[^"]*)"`)
	seen := map[string]bool{}
	for _, room := range []string{"desk/web", "response/web"} {
		files, err := filepath.Glob(filepath.Join("..", room, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range route.FindAllStringSubmatch(string(text), -1) {
				seen[room+" "+found[1]] = true
			}
		}
	}
	for _, r := range slices.Sorted(maps.Keys(seen)) {
		does, ok := pages[r]
		if !ok {
			t.Errorf("%s is in no operation: add one, or say here why a program has no use for it", r)
		}
		if strings.HasPrefix(does, "- ") {
			continue
		}
		for _, id := range strings.Fields(does) {
			if _, ok := operations[id]; !ok {
				t.Errorf("%s is said to be the operation %s, which is not in the document", r, id)
			}
		}
	}
	for r := range pages {
		if !seen[r] {
			t.Errorf("%s is not a route of a page any more", r)
		}
	}
}

// TestEveryOperationWantsItsScope walks the document: whatever it lists refuses
// a stranger, and a token that has every scope but the operation's own.
func TestEveryOperationWantsItsScope(t *testing.T) {
	w := newWorld(t)
	without := map[string]string{}
	for _, scope := range staff.Scopes {
		others := slices.DeleteFunc(slices.Clone(staff.Scopes[:]), func(s string) bool { return s == scope })
		without[scope], _ = w.token(staff.Responder, others...)
	}
	for id, o := range w.document() {
		t.Run(id, func(t *testing.T) {
			if len(o.scopes) != 1 || without[o.scopes[0]] == "" {
				t.Fatalf("it wants the scopes %q", o.scopes)
			}
			path := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(o.path, "1")
			var body any
			if o.method != http.MethodGet && o.method != http.MethodDelete {
				body = map[string]any{}
			}
			if got, out := w.do("", o.method, path, body); got != http.StatusUnauthorized {
				t.Errorf("without a token: %d, %v", got, out)
			}
			got, out := w.do(without[o.scopes[0]], o.method, path, body)
			if got != http.StatusForbidden || out["type"] != "urn:postern:api.refused.scope" {
				t.Errorf("with every scope but %s: %d, %v", o.scopes[0], got, out)
			}
		})
	}
}
