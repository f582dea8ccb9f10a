package store

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/message"
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
		q := ParseQuery(s)
		if again := ParseQuery(s); !reflect.DeepEqual(q, again) {
			t.Fatal("read twice it is not the same")
		}
		if len(q.Terms) > maxTerms || len(q.In) > maxTerms {
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

// FuzzCodec reads damaged rows without harm, and what it writes it reads.
func FuzzCodec(f *testing.F) {
	for _, raw := range []string{
		"From: a@x.example\r\nTo: b@x.example\r\nDate: Thu, 26 Mar 2026 10:00:00 +0130\r\nReferences: <a@b> <c@d>\r\n\r\nx",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\nSender: s@x\r\nFrom: f@x\r\n\r\ny\r\n--b\r\n\r\n--b--",
	} {
		m, err := message.Parse([]byte(raw))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encodeMeta(&meta{"code", "spf=pass", "a@x", "x", m.Envelope}), encodeStructure(m.Root), []byte(raw))
	}
	f.Fuzz(func(t *testing.T, row, structure, raw []byte) {
		var m meta
		_ = decodeMeta(row, &m)
		_, _ = decodeStructure(structure)
		read, err := message.Parse(raw)
		if err != nil {
			return
		}
		in := meta{"reset", string(row), "s", "p", read.Envelope}
		var out meta
		if err := decodeMeta(encodeMeta(&in), &out); err != nil {
			t.Fatal(err)
		}
		if !out.envelope.Date.Equal(in.envelope.Date) {
			t.Fatalf("date %v became %v", in.envelope.Date, out.envelope.Date)
		}
		out.envelope.Date = in.envelope.Date
		if !equalMeta(in, out) {
			t.Fatalf("wrote %+v\nread  %+v", in, out)
		}
		b := encodeStructure(read.Root)
		root, err := decodeStructure(b)
		if err != nil {
			t.Fatal(err)
		}
		if string(encodeStructure(root)) != string(b) {
			t.Fatal("a structure that was read is written otherwise")
		}
	})
}

// equalMeta takes nil and empty lists for the same.
func equalMeta(a, b meta) bool { return string(encodeMeta(&a)) == string(encodeMeta(&b)) }

// FuzzTokens: words are words, whatever the text.
func FuzzTokens(f *testing.F) {
	for _, s := range []string{"Élodie's café", "東京都", "a\u0301\u0301", "\xff\xfe", "ﬁ ½ ①", strings.Repeat("x", 200), "İstanbul ß"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		words := tokens(s)
		if strings.TrimSpace(words) != words || strings.Contains(words, "  ") || strings.ContainsAny(words, "'\"\\\x00&|!()<>:*") {
			t.Fatalf("%q became %q", s, words)
		}
		for w := range strings.FieldsSeq(words) {
			if len(w) > maxToken {
				t.Fatalf("a word of %d bytes", len(w))
			}
		}
		if vector := (fields{subject: words}).tsvector(make([]byte, 16)); strings.Count(vector, "'")%2 != 0 {
			t.Fatal(vector)
		}
	})
}

func TestFlagListsAreTheirOwn(t *testing.T) {
	a := flagSet{bits: bitSeen, keywords: "x"}.list()
	b := flagSet{bits: bitSeen, keywords: "y"}.list()
	if a[1] != "x" || b[1] != "y" || len(flagLists[bitSeen]) != 1 {
		t.Errorf("%v, %v, %v", a, b, flagLists[bitSeen])
	}
}

func TestBaseSubject(t *testing.T) {
	for in, want := range map[string]struct {
		base  string
		reply bool
	}{
		"Plans": {"plans", false}, "Re: Plans": {"plans", true}, "RE[2]: [list]  Re: Plans": {"plans", true}, "Fwd: Plans": {"plans", false},
		"AW: WG: Plans": {"plans", true}, "Note: this": {"note: this", false}, "Re:": {"", true}, "[only]": {"[only]", false}, "": {"", false},
	} {
		if base, reply := baseSubject(in); base != want.base || reply != want.reply {
			t.Errorf("%q: %q %v", in, base, reply)
		}
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
