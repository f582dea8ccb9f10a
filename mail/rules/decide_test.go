package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postern-mail/postern/message"
)

const letter = "From: The Shop <news@shop.example>\r\nTo: Ana <ana@outlook.example>\r\nCc: bo@msn.example\r\nSubject: Your Order 42\r\nList-Id: Shop news <news.shop.example>\r\n"

func factsOf(t testing.TB, header string) Facts {
	t.Helper()
	m, err := message.Parse([]byte(header + "\r\nHello\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	return FactsOf(m)
}

func when(field, way, value string) Condition { return Condition{field, way, value} }

func TestMatches(t *testing.T) {
	f := factsOf(t, letter)
	for name, one := range map[string]struct {
		rule Rule
		want bool
	}{
		"a domain":             {Rule{Conditions: []Condition{when(From, Contains, "@Shop.example")}}, true},
		"the address":          {Rule{Conditions: []Condition{when(From, Is, "news@shop.example")}}, true},
		"a part is not it":     {Rule{Conditions: []Condition{when(From, Is, "shop.example")}}, false},
		"a name":               {Rule{Conditions: []Condition{when(From, Contains, "the shop")}}, true},
		"a copy's recipient":   {Rule{Conditions: []Condition{when(To, Is, "bo@msn.example")}}, true},
		"a word":               {Rule{Conditions: []Condition{when(Subject, Contains, "order")}}, true},
		"the list":             {Rule{Conditions: []Condition{when(List, Is, "news.shop.example")}}, true},
		"all, one fails":       {Rule{Conditions: []Condition{when(Subject, Contains, "order"), when(From, Contains, "bank")}}, false},
		"any, one holds":       {Rule{Any: true, Conditions: []Condition{when(From, Contains, "bank"), when(Subject, Contains, "order")}}, true},
		"any, none holds":      {Rule{Any: true, Conditions: []Condition{when(From, Contains, "bank")}}, false},
		"a field that is none": {Rule{Conditions: []Condition{when("body", Contains, "hello")}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := one.rule.Matches(f); got != one.want {
				t.Errorf("matches: %v", got)
			}
		})
	}
}

func TestDecide(t *testing.T) {
	all := []Condition{when(From, Contains, "shop")}
	rule := func(actions ...Action) Rule { return Rule{Active: true, Conditions: all, Actions: actions} }
	forward := Action{Kind: Forward, Target: "ana@elsewhere.example"}
	kept := Action{Kind: Forward, Target: "ana@elsewhere.example", Keep: true}
	off := rule(Action{Kind: Delete})
	off.Active = false
	for name, one := range map[string]struct {
		list   []Rule
		header string
		sender string
		junk   bool
		want   string
	}{
		"nothing":                      {nil, letter, "x@y.example", false, "{ false false false false [] 0 false}"},
		"filed, read, flagged":         {[]Rule{rule(Action{Kind: File, Target: "m"}, Action{Kind: Read}, Action{Kind: Flag})}, letter, "x@y.example", false, "{m true true false false [] 1 false}"},
		"the first place wins":         {[]Rule{rule(Action{Kind: Junk}), rule(Action{Kind: File, Target: "m"})}, letter, "x@y.example", false, "{ false false true false [] 2 false}"},
		"stop":                         {[]Rule{rule(Action{Kind: Read}, Action{Kind: Stop}), rule(Action{Kind: Delete})}, letter, "x@y.example", false, "{ true false false false [] 1 false}"},
		"switched off":                 {[]Rule{off}, letter, "x@y.example", false, "{ false false false false [] 0 false}"},
		"forwarded, no copy: to Trash": {[]Rule{rule(forward)}, letter, "x@y.example", false, "{ false false false true [ana@elsewhere.example] 1 false}"},
		"forwarded, a copy stays":      {[]Rule{rule(kept)}, letter, "x@y.example", false, "{ false false false false [ana@elsewhere.example] 1 false}"},
		"twice is once":                {[]Rule{rule(kept), rule(kept)}, letter, "x@y.example", false, "{ false false false false [ana@elsewhere.example] 2 false}"},
		"junk is not forwarded":        {[]Rule{rule(forward)}, letter, "x@y.example", true, "{ false false false false [] 1 false}"},
		"nor what a rule calls junk":   {[]Rule{rule(Action{Kind: Junk}, kept)}, letter, "x@y.example", false, "{ false false true false [] 1 false}"},
		"nor a bounce":                 {[]Rule{rule(forward)}, letter, "", false, "{ false false false false [] 1 false}"},
		"nor a report with a sender":   {[]Rule{rule(forward)}, letter + "Content-Type: multipart/report; boundary=x\r\n", "x@y.example", false, "{ false false false false [] 1 false}"},
		"nor to oneself":               {[]Rule{rule(Action{Kind: Forward, Target: "ana@outlook.example"})}, letter, "x@y.example", false, "{ false false false false [] 1 false}"},
		"a loop of ours":               {[]Rule{rule(forward)}, letter + LoopField + ": Ana@outlook.example\r\n", "x@y.example", false, "{ false false false false [] 1 true}"},
		"a loop of others'":            {[]Rule{rule(forward)}, letter + "Delivered-To: ana@outlook.example\r\n", "x@y.example", false, "{ false false false false [] 1 true}"},
		"another's forwarding":         {[]Rule{rule(kept)}, letter + LoopField + ": bo@msn.example\r\n", "x@y.example", false, "{ false false false false [ana@elsewhere.example] 1 false}"},
		"a chain":                      {[]Rule{rule(kept)}, letter + strings.Repeat(LoopField+": bo@msn.example\r\n", 3), "x@y.example", false, "{ false false false false [] 1 true}"},
		"hops":                         {[]Rule{rule(kept)}, strings.Repeat("Received: by a\r\n", 21) + letter, "x@y.example", false, "{ false false false false [] 1 true}"},
	} {
		t.Run(name, func(t *testing.T) {
			got := fmt.Sprint(Decide(one.list, factsOf(t, one.header), "ana@outlook.example", one.sender, one.junk))
			if got != one.want {
				t.Errorf("decided %s, want %s", got, one.want)
			}
		})
	}
}

// A stamped message is not forwarded again by whom it was stamped for.
func TestStampEndsALoop(t *testing.T) {
	raw := Stamp("ana@outlook.example", []byte(letter+"\r\nHello\r\n"))
	m, err := message.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !FactsOf(m).loops("ana@outlook.example") || FactsOf(m).loops("bo@msn.example") {
		t.Error("the stamp does not tell whose forwarding it was")
	}
}
