package query_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern/mail/internal/query"
)

// FuzzWords: words are words, whatever the text.
func FuzzWords(f *testing.F) {
	for _, s := range []string{"Élodie's café", "東京都", "a\u0301\u0301", "\xff\xfe", "ﬁ ½ ①", strings.Repeat("x", 200), "İstanbul ß"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		words := query.Words(s)
		if strings.TrimSpace(words) != words || strings.Contains(words, "  ") || strings.ContainsAny(words, "'\"\\\x00&|!()<>:*") {
			t.Fatalf("%q became %q", s, words)
		}
		for w := range strings.FieldsSeq(words) {
			if len(w) > query.MaxWord {
				t.Fatalf("a word of %d bytes", len(w))
			}
		}
		if vector := (query.Fields{Subject: words}).TSVector(make([]byte, 16)); strings.Count(vector, "'")%2 != 0 {
			t.Fatal(vector)
		}
	})
}

func TestWords(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "",
		" Élodie's  CAFÉ\r\n!":  "elodie s cafe",
		"order-4711, ﬁn ½":      "order 4711 fin 1 2",
		"東京 tower":              "東 京 tower",
		strings.Repeat("x", 99): strings.Repeat("x", query.MaxWord),
		"a\xffb":                "a b",
	} {
		if got := query.Words(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestTSVector(t *testing.T) {
	f := query.Fields{Subject: "the order", Sender: "ana", Recipients: "bo", Body: "the end"}
	want := "'=01' 'ana':13B 'bo':24C 'end':36D 'order':2A 'the':1A,35D"
	if got := f.TSVector([]byte{1}); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestParse(t *testing.T) {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	for in, want := range map[string]query.Query{
		"":                        {},
		"Invoice":                 {Terms: []query.Term{{Text: "invoice", Prefix: true}}},
		`"order 4711" -draft`:     {Terms: []query.Term{{Text: "order 4711"}, {Not: true, Text: "draft", Prefix: true}}},
		"from:ana cc:bo":          {Terms: []query.Term{{Field: "from", Text: "ana", Prefix: true}, {Field: "to", Text: "bo", Prefix: true}}},
		"a OR b":                  {Terms: []query.Term{{Or: []query.Term{{Text: "a", Prefix: true}, {Text: "b", Prefix: true}}}}},
		"in:Archive in:anywhere":  {In: []string{"archive"}, Anywhere: true},
		"before:2026-3-1":         {Terms: []query.Term{{Field: "before", Number: day}}},
		"older_than:2d larger:5M": {Terms: []query.Term{{Field: "older", Number: 2 * 86400_000}, {Field: "larger", Number: 5 << 20}}},
		"is:important has:attach": {Terms: []query.Term{{Field: "is", Text: "starred"}, {Field: "has", Text: "attachment"}}},
		"is:odd":                  {Terms: []query.Term{{Text: "is odd", Prefix: true}}},
		"id:<x@y>":                {Terms: []query.Term{{Field: "id", Text: "x@y"}}},
	} {
		if got := query.Parse(in); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", in, got, want)
		}
	}
}
