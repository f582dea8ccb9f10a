package store

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/mail/internal/query"
	"github.com/postern-mail/postern/testkit/engine"
)

// FuzzQuery holds any text against what both engines' languages allow: words
// alone between our own signs, and as many arguments as marks.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{
		`invoice "order 4711" from:ana -draft`, `a OR b OR`, `OR OR`, `-`, `--`, `-"`, `from:"`, `id:<x@y>`, `in:junk in:`, `before:2026-13-01`,
		`older_than:99999y`, `larger:9999999999999M`, `') OR 1=1; --`, `"*" NEAR(a b)`, `é東\xff`, `from:from:from:`, "a\x00b", `is:unread OR -is:read`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := query.Parse(s)
		if again := query.Parse(s); !reflect.DeepEqual(q, again) {
			t.Fatal("read twice it is not the same")
		}
		if len(q.Terms) > query.MaxTerms || len(q.In) > query.MaxTerms {
			t.Fatalf("%d terms, %d mailboxes", len(q.Terms), len(q.In))
		}
		for _, engine := range []db.Engine{db.SQLite, db.PostgreSQL} {
			st := statement{engine: engine, acc: make([]byte, 16)}
			st.query(q)
			for _, a := range st.args {
				text, ok := a.(string)
				if !ok {
					continue
				}
				// Only what is ours may be anything but a word.
				if strings.Count(text, `"`)%2 != 0 || strings.Count(text, `'`)%2 != 0 || strings.ContainsAny(text, "\x00\\;^") {
					t.Fatalf("%s: %q from %q", engine, text, s)
				}
			}
			where := strings.Join(st.where, " AND ")
			for i := range st.args {
				if !strings.Contains(where, mark(i+1)) {
					t.Fatalf("argument %d is not used: %s", i+1, where)
				}
			}
			if strings.Contains(where, mark(len(st.args)+1)) || strings.ContainsAny(where, `"';`) {
				t.Fatalf("odd statement %s", where)
			}
		}
		_, _ = scopeQuery(s)
	})
}

func TestFlagListsAreTheirOwn(t *testing.T) {
	a := flagSet{bits: bitSeen, keywords: "x"}.list()
	b := flagSet{bits: bitSeen, keywords: "y"}.list()
	if a[1] != "x" || b[1] != "y" || len(flagLists[bitSeen]) != 1 {
		t.Errorf("%v, %v, %v", a, b, flagLists[bitSeen])
	}
}

// A message is found by its identifier without reading the rest of the account.
func TestPlacesAreFoundByIndex(t *testing.T) {
	s, err := Open(t.Context(), Parts{DB: engine.SQLite(t)(open.Mail)})
	if err != nil {
		t.Fatal(err)
	}
	var plan []string
	err = s.db.Update(t.Context(), func(tx *db.Tx) error {
		return tx.Rows("EXPLAIN QUERY PLAN "+s.fromMessages(Identity|Envelope)+" WHERE m.account = ?1 AND m.id = ?2", db.Args([]byte{1}, []byte{2}), func(row db.Scanner) error {
			var id, parent, unused int
			var step string
			err := row.Scan(&id, &parent, &unused, &step)
			plan = append(plan, step)
			return err
		})
	})
	want := []string{"SEARCH m USING INDEX mail_message_id (account=? AND id=?)", "SEARCH p USING INDEX mail_placement_num (num=?)"}
	if err != nil || !slices.Equal(plan, want) {
		t.Errorf("the plan is %q, %v", plan, err)
	}
}
