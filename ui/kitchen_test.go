package ui

import (
	"time"

	"github.com/postern-mail/postern"
)

// all is every component on one page.
const all = `{{define "main"}}
<div class="head"><h1 tabindex="-1">{{t "storybook.title"}}</h1>{{template "button" (args "text" (t "save") "kind" "primary" "icon" "save" "key" "s")}}{{template "countdown" (args "until" .Data.Until "label" (t "prefs") "done" (t "yes"))}}</div>
{{template "tabs" (args "label" (t "pages") "items" .Data.Tabs)}}
<form class="stack" method="post">{{template "field" (args "name" "login" "label" (t "sign-in") "error" (t "error.invalid.text") "hint" (t "keys.help") "required" true)}}{{template "field" (args "name" "text" "label" (t "yes") "rows" 4)}}{{template "field" (args "name" "choice" "label" (t "no") "options" .Data.Options)}}{{template "check" (args "name" "all" "label" (t "yes") "hint" (t "no"))}}<button>{{t "save"}}</button></form>
{{template "ladder" (args "items" .Data.Rungs)}}
{{template "timeline" (args "items" .Data.Moments)}}
{{template "person" (args "name" "Ana" "detail" "x")}} {{template "tier-badge" .Data.Tier}} {{template "badge" (args "text" "x" "kind" "ok")}}
{{template "meter" (args "label" (t "field.quota") "value" 3 "max" 10 "text" (bytes 3000))}}
{{template "empty" (args "title" (t "yes") "text" (t "no") "icon" "inbox" "href" "/" "action" (t "save"))}}
{{template "pagination" (args "newer" "/?a" "older" "/?b" "page" "2")}}{{template "time" .Data.Until}}{{template "time-brief" .Data.Until}}{{template "time-ago" .Data.Until}}
{{template "extra" .}}{{end}}`

type kitchen struct {
	Until   time.Time
	Tabs    []NavItem
	Options []Option
	Rungs   []Rung
	Moments []Moment
	Tier    postern.Tier
}

var everything = Page{
	Title: "storybook.title", User: &User{Name: "Claire Martin", Detail: "Helpline"}, Band: "", Wide: true, Ends: "/-/ending",
	Nav:       []NavItem{{Text: "nav", Href: "/", Icon: "inbox", Count: 12345, Current: true, Key: "g i"}, {Text: "Divers", Href: "/2", Icon: "folder", Group: "pages", Indent: 1}},
	Search:    &Search{Action: "/search", Value: `"<`},
	Alerts:    []Alert{{Kind: "ok", Text: "error.status", Args: []any{"status", 3}, Undo: &Undo{Action: "/undo", Values: map[string][]string{"id": {"1", "2"}}}}, {Kind: "danger", Text: "yes"}, {Kind: "warn", Text: "no"}, {Kind: "info", Text: "no"}},
	Errors:    []Problem{{Field: "login", Text: "error.invalid.text"}, {Text: "no"}},
	Watermark: "Claire Martin · 14:05",
	Data: kitchen{
		Until:   noon.Add(20 * time.Minute),
		Tabs:    []NavItem{{Text: "yes", Href: "/", Current: true, Count: 3}, {Text: "no", Href: "/n"}},
		Options: []Option{{"a", "A", true}, {"b", "B", false}},
		Rungs:   []Rung{{Tier: postern.TierAccount, State: "open"}, {Tier: postern.TierEnvelope, State: "here", Note: "20 min"}, {Tier: postern.TierContent, State: "locked", Href: "/ask", Action: "Ask"}},
		Moments: []Moment{{At: noon, Title: "A", Text: "b", Who: "C", Icon: "flag", Kind: "warn", Href: "/x", Action: "More"}, {At: noon, Title: "B"}},
		Tier:    postern.TierContent,
	},
}
