package hooks_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/desk/hooks"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/testkit/engine"
)

// TestOutbound: what became of a case arrives once, signed, without a word of
// what was written.
func TestOutbound(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		h := newHouse(t, o)
		s := newSystem(t, 200, "")
		_, key := h.hook(hooks.Hook{Kind: hooks.Standard, URL: s.URL + "/in", Private: true})
		c := h.open("ZD-1")
		h.ok(h.desk.Note(ctx, h.agent, c.ID, "secret note"))
		h.ok(h.desk.Reply(ctx, h.agent, c.ID, "secret reply"))
		h.ok(h.desk.Assign(ctx, h.agent, c.ID, h.agent.Staff))
		h.ok(h.desk.Close(ctx, h.agent, c.ID))
		h.ok(h.desk.Reopen(ctx, h.agent, c.ID))
		h.tick(6)
		h.tick(0)
		types := map[string]bool{}
		for _, one := range s.take() {
			for _, word := range []string{"secret", "ana@", "Ana"} {
				if strings.Contains(one.body, word) {
					t.Errorf("the hook is told %q: %s", word, one.body)
				}
			}
			id, stamp := one.header.Get("webhook-id"), one.header.Get("webhook-timestamp")
			if want := "v1," + base64.StdEncoding.EncodeToString(mac(key, id+"."+stamp+"."+one.body)); one.header.Get("webhook-signature") != want {
				t.Error("a signature does not verify")
			}
			var e struct{ Type string }
			h.ok(json.Unmarshal([]byte(one.body), &e))
			types[e.Type] = true
		}
		for _, want := range []string{"case.opened", "case.noted", "case.replied", "case.assigned", "case.closed", "case.reopened"} {
			if !types[want] {
				t.Errorf("%s did not arrive", want)
			}
		}
		_, _ = h.hook(hooks.Hook{Kind: hooks.Standard, URL: s.URL, Private: true, IncludeCustomer: true})
		other := h.open("")
		h.ok(h.desk.Merge(ctx, h.agent, other.ID, c.Number))
		h.tick(4)
		named := 0
		for _, one := range s.take() {
			if strings.Contains(one.body, "ana@outlook.example") {
				named++
			}
			if strings.Contains(one.body, "secret words") {
				t.Error("message content went out")
			}
		}
		if named != 2 {
			t.Errorf("%d events name the customer, want those of the hook that may", named)
		}
	})
}

// TestRetriesEnd: a system that is down is tried for about a day, then it waits
// for somebody to send it again.
func TestRetriesEnd(t *testing.T) {
	h := newHouse(t, engine.SQLite(t))
	s := newSystem(t, 503, "")
	h.hook(hooks.Hook{Kind: hooks.Standard, URL: s.URL, Private: true})
	h.open("")
	h.tick(0)
	h.tick(0) // not yet
	for range 40 {
		h.clock.pass(time.Hour)
		h.tick(0)
	}
	ids := map[string]bool{}
	calls := s.take()
	for _, one := range calls {
		ids[one.header.Get("webhook-id")] = true
	}
	if len(calls) != 9 || len(ids) != 1 {
		t.Errorf("%d tries under %d ids, want nine under one", len(calls), len(ids))
	}
}

// TestGone: a system that says 410 is not tried again, and what is dead can be
// sent again by hand.
func TestGone(t *testing.T) {
	h := newHouse(t, engine.SQLite(t))
	s := newSystem(t, 410, "")
	k, _ := h.hook(hooks.Hook{Kind: hooks.Standard, URL: s.URL, Private: true})
	h.open("")
	h.tick(0)
	_, all, err := h.hooks.List(ctx, h.boss)
	h.ok(err)
	if len(all) != 1 || all[0].State != hooks.Dead || all[0].Status != 410 {
		t.Fatalf("it is %+v", all)
	}
	if err := h.hooks.Again(ctx, h.agent, k.ID); postern.KindOf(err) != postern.Denied {
		t.Errorf("an agent sends it again: %v", err)
	}
	s.mu.Lock()
	s.status = 204
	s.mu.Unlock()
	h.ok(h.hooks.Again(ctx, h.boss, k.ID))
	h.tick(1)
}

// TestPrivateNetworks: a hook that may not reach them does not, by whatever name.
func TestPrivateNetworks(t *testing.T) {
	h := newHouse(t, engine.SQLite(t))
	s := newSystem(t, 200, "")
	address := strings.Replace(s.URL, "http://", "https://", 1)
	for _, u := range []string{address, strings.Replace(address, "127.0.0.1", "localhost", 1), strings.Replace(address, "127.0.0.1", "[::ffff:127.0.0.1]", 1)} {
		h.hook(hooks.Hook{Kind: hooks.Standard, URL: u})
	}
	h.open("")
	h.tick(0)
	_, all, err := h.hooks.List(ctx, h.boss)
	h.ok(err)
	for _, d := range all {
		if d.State != hooks.Waiting || !strings.Contains(d.Problem, "private network") {
			t.Errorf("a private address: %+v", d)
		}
	}
	if len(s.take()) != 0 {
		t.Error("it was reached")
	}
	for name, u := range map[string]string{"plain": "http://tickets.example/", "a password": "https://a:b@tickets.example/", "a file": "file:///etc/passwd", "lines": "https://x.example/\r\nHost: y"} {
		if _, _, err := h.hooks.Create(ctx, h.boss, hooks.Hook{Kind: hooks.Standard, Label: "x", URL: u}); postern.KindOf(err) != postern.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestInbound opens a case for a ticket, works it, and closes it, whatever comes
// twice; its grants end with it.
func TestInbound(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		h := newHouse(t, o)
		k, key := h.hook(hooks.Hook{Kind: hooks.Standard})
		sent := 0
		send := func(body string) (int, map[string]any) {
			sent++
			return h.send(k.ID, standard(key, "d"+strconv.Itoa(sent), h.clock.now(), body), body)
		}
		opening := `{"type":"case.open","external":"T-1","address":"Ana@outlook.example","subject":"Mail is gone","text":"Help me.","priority":"high"}`
		status, out := send(opening)
		if status != 200 || out["case"] == nil {
			t.Fatalf("opened: %d %v", status, out)
		}
		for range 2 { // again with the same id, and with another
			if status, again := h.send(k.ID, standard(key, "d1", h.clock.now(), opening), opening); status != 200 || again["id"] != out["id"] {
				t.Errorf("opened again: %d %v", status, again)
			}
			if status, again := send(opening); status != 200 || again["id"] != out["id"] {
				t.Errorf("opened under another delivery: %d %v", status, again)
			}
		}
		id := postern.CaseID(out["id"].(string))
		note := `{"type":"case.note","external":"T-1","text":"Seen there."}`
		h.send(k.ID, standard(key, "n", h.clock.now(), note), note)
		h.send(k.ID, standard(key, "n", h.clock.now(), note), note)
		send(`{"type":"case.reply","external":"T-1","text":"We look into it."}`)
		got, posts, err := h.desk.Case(ctx, h.agent, id)
		h.ok(err)
		if len(posts) != 3 || posts[1].Kind != desk.KindNote || posts[2].Kind != desk.KindReply || got.Status != desk.StatusWaiting || got.Priority != desk.PriorityHigh || got.Account != h.ana {
			t.Errorf("the case is %+v with %d posts", got, len(posts))
		}
		_, err = h.gate.Ask(ctx, h.agent, gate.Ask{Case: id, Account: h.ana, Tier: postern.TierAccount, Reason: postern.ReasonSupport, Sentence: "You asked."})
		h.ok(err)
		live, err := h.gate.Grants(ctx, gate.GrantFilter{Case: id, Live: true})
		h.ok(err)
		if len(live) != 1 {
			t.Fatalf("%d grants", len(live))
		}
		if status, _ := send(`{"type":"case.close","external":"T-1"}`); status != 200 {
			t.Errorf("closed: %d", status)
		}
		if live, _ = h.gate.Grants(ctx, gate.GrantFilter{Case: id, Live: true}); len(live) != 0 {
			t.Error("a grant outlives its case")
		}
		for name, one := range map[string]struct {
			body   string
			status int
			key    string
		}{
			"another's ticket": {`{"type":"case.close","external":"T-2"}`, 404, "desk.unknown.case"},
			"no ticket":        {`{"type":"case.close"}`, 422, "desk.invalid.hook-external"},
			"an unknown type":  {`{"type":"case.burn","external":"T-1"}`, 422, "desk.invalid.hook-type"},
			"no JSON":          {`<x>`, 422, "desk.invalid.hook-body"},
			"no account":       {`{"type":"case.open","external":"T-9","address":"x@y.example","subject":"x","text":"y"}`, 404, "account.unknown"},
			"a closed case":    {`{"type":"case.reply","external":"T-1","text":"x"}`, 409, "desk.conflict.closed"},
			"too long":         {`{"type":"case.note","external":"T-1","text":"` + strings.Repeat("x", 300<<10) + `"}`, 422, "desk.invalid.hook-body"},
		} {
			if status, out := send(one.body); status != one.status || out["error"] != one.key {
				t.Errorf("%s: %d %v", name, status, out)
			}
		}
		body := `{"type":"case.note","external":"T-1","text":"forged"}`
		wrong := standard([]byte("another secret"), "f1", h.clock.now(), body)
		old := standard(key, "f2", h.clock.now().Add(-6*time.Minute), body)
		for name, header := range map[string]http.Header{"another's secret": wrong, "an old one": old, "none": {}} {
			if status, out := h.send(k.ID, header, body); status != 401 || out["error"] != "desk.refused.hook-signature" {
				t.Errorf("%s: %d %v", name, status, out)
			}
		}
		if status, _ := h.send("nobody", standard(key, "f3", h.clock.now(), body), body); status != 401 {
			t.Errorf("an unknown hook: %d", status)
		}
		h.ok(h.hooks.End(ctx, h.boss, k.ID))
		if status, _ := send(body); status != 401 {
			t.Errorf("a hook that has ended: %d", status)
		}
	})
}

// TestAnOutsourcersHook works for its organisation: what it opens is theirs, and
// what is taken from them is out of its reach.
func TestAnOutsourcersHook(t *testing.T) {
	engine.Each(t, func(t *testing.T, o engine.Open) {
		h := newHouse(t, o)
		k, key := h.hookOf(h.out, hooks.Hook{Kind: hooks.Standard})
		sent := 0
		send := func(body string) (int, map[string]any) {
			sent++
			return h.send(k.ID, standard(key, "d"+strconv.Itoa(sent), h.clock.now(), body), body)
		}
		status, out := send(`{"type":"case.open","external":"T-1","address":"ana@outlook.example","subject":"Mail is gone","text":"Help me."}`)
		if status != 200 {
			t.Fatalf("opened: %d %v", status, out)
		}
		id := postern.CaseID(out["id"].(string))
		got, _, err := h.desk.Case(ctx, h.out, id)
		h.ok(err)
		if got.Organisation != "helpline" || !got.Outside {
			t.Errorf("it is %+v", got)
		}
		if status, out := send(`{"type":"case.note","external":"T-1","text":"Seen."}`); status != 200 {
			t.Errorf("a note: %d %v", status, out)
		}
		h.ok(h.desk.AssignOrganisation(ctx, h.agent, id, "provider"))
		for _, act := range []string{"note", "reply", "close"} {
			if status, out := send(`{"type":"case.` + act + `","external":"T-1","text":"Again."}`); status != 404 || out["error"] != "desk.unknown.case" {
				t.Errorf("taken back, %s: %d %v", act, status, out)
			}
		}
	})
}

// TestZendesk, TestJira and TestOsTicket run beside a fake of each.
func TestZendesk(t *testing.T) {
	h := newHouse(t, engine.SQLite(t))
	s := newSystem(t, 200, `{"ticket":{"id":35436}}`)
	k, key := h.hook(hooks.Hook{Kind: hooks.Zendesk, URL: s.URL, Private: true, Credential: "Basic eDp5"})
	c := h.open("35436")
	h.tick(1)
	h.ok(h.desk.Close(ctx, h.agent, c.ID))
	h.tick(1)
	h.open("") // no ticket: nothing to tell
	h.tick(0)
	got := s.take()
	for _, one := range got {
		if one.method != "PUT" || one.path != "/api/v2/tickets/35436.json" || one.header.Get("Authorization") != "Basic eDp5" {
			t.Errorf("Zendesk got %s %s", one.method, one.path)
		}
	}
	if !strings.Contains(got[1].body, `"public":false`) || !strings.Contains(got[1].body, `"status":"solved"`) {
		t.Errorf("Zendesk got %s", got[1].body)
	}
	h.ok(h.desk.Reopen(ctx, h.agent, c.ID))
	send := func(id, body string) (int, map[string]any) {
		stamp := h.clock.now().Format(time.RFC3339)
		header := http.Header{}
		header.Set("X-Zendesk-Webhook-Signature-Timestamp", stamp)
		header.Set("X-Zendesk-Webhook-Signature", base64.StdEncoding.EncodeToString(mac(key, stamp+body)))
		header.Set("X-Zendesk-Webhook-Invocation-Id", id)
		return h.send(k.ID, header, body)
	}
	if status, out := send("1", `{"type":"zen:event-type:ticket.comment_added","detail":{"id":"35436"},"event":{"comment":{"body":"Called them.","is_public":true}}}`); status != 200 || out["case"] == nil {
		t.Errorf("a comment: %d %v", status, out)
	}
	if status, out := send("2", `{"type":"zen:event-type:ticket.status_changed","detail":{"id":"35436"},"event":{"current":"SOLVED","previous":"OPEN"}}`); status != 200 || out["status"] != desk.StatusClosed {
		t.Errorf("solved: %d %v", status, out)
	}
	if status, out := send("3", `{"type":"zen:event-type:ticket.tags_changed","detail":{"id":"35436"},"event":{}}`); status != 200 || out["status"] != "ignored" {
		t.Errorf("tags: %d %v", status, out)
	}
}

func TestJira(t *testing.T) {
	h := newHouse(t, engine.SQLite(t))
	s := newSystem(t, 201, `{"id":"10000"}`)
	k, key := h.hook(hooks.Hook{Kind: hooks.Jira, URL: s.URL + "/", Private: true, Credential: "Bearer token"})
	c := h.open("HELP-7")
	h.ok(h.desk.Reply(ctx, h.agent, c.ID, "secret reply"))
	h.tick(2)
	for _, one := range s.take() {
		if one.method != "POST" || one.path != "/rest/api/2/issue/HELP-7/comment" || !strings.HasPrefix(one.body, `{"body":"Postern: case `) || strings.Contains(one.body, "secret") {
			t.Errorf("Jira got %s %s %s", one.method, one.path, one.body)
		}
	}
	send := func(id, body string) (int, map[string]any) {
		header := http.Header{}
		header.Set("X-Hub-Signature", "sha256="+hex.EncodeToString(mac(key, body)))
		header.Set("X-Atlassian-Webhook-Identifier", id)
		return h.send(k.ID, header, body)
	}
	if status, out := send("1", `{"webhookEvent":"comment_created","issue":{"key":"HELP-7"},"comment":{"body":"Seen."}}`); status != 200 || out["case"] == nil {
		t.Errorf("a comment: %d %v", status, out)
	}
	if status, out := send("2", `{"webhookEvent":"jira:issue_updated","issue":{"key":"HELP-7","fields":{"status":{"statusCategory":{"key":"done"}}}}}`); status != 200 || out["status"] != desk.StatusClosed {
		t.Errorf("done: %d %v", status, out)
	}
}

func TestOsTicket(t *testing.T) {
	h := newHouse(t, engine.SQLite(t))
	s := newSystem(t, 201, "483920")
	h.hook(hooks.Hook{Kind: hooks.OsTicket, URL: s.URL, Private: true, IncludeCustomer: true, Credential: "AB12"})
	c := h.open("")
	h.tick(1)
	got := s.take()
	if len(got) != 1 || got[0].path != "/api/tickets.json" || got[0].header.Get("X-API-Key") != "AB12" || !strings.Contains(got[0].body, `"email":"ana@outlook.example"`) || strings.Contains(got[0].body, "secret words") {
		t.Fatalf("osTicket got %+v", got)
	}
	if now, _, err := h.desk.Case(ctx, h.agent, c.ID); err != nil || now.External != "483920" {
		t.Errorf("the ticket's number is %q, %v", now.External, err)
	}
}

func FuzzInbound(f *testing.F) {
	f.Add(0, `{"type":"case.open","external":"T-1","address":"a@b.example"}`)
	f.Add(1, `{"type":"zen:event-type:ticket.comment_added","detail":{"id":1},"event":{"comment":{"body":"x"}}}`)
	f.Add(2, `{"webhookEvent":"comment_created","issue":{"key":"A-1"},"comment":{"body":"x"}}`)
	f.Fuzz(func(t *testing.T, kind int, body string) {
		if kind < 0 {
			return
		}
		hooks.Parse(hooks.Kinds[kind%len(hooks.Kinds)], []byte(body))
	})
}
