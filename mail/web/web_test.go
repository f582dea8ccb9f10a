package web

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/web/told"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	t.Run("nobody is led to the sign-in page", func(t *testing.T) {
		contains(t, h.get("/looked", 200), "Sign in to Outlook", `name="return" value="/looked"`)
	})
	t.Run("a wrong password says so once and keeps the address", func(t *testing.T) {
		page := h.post("/sign-in", url.Values{"address": {"ana@outlook.example"}, "password": {"wrong"}}, 403)
		contains(t, page, `value="ana@outlook.example"`, `id="summary"`)
		lacks(t, page, "wrong\"")
	})
	t.Run("no demo, no one click", func(t *testing.T) {
		h.post("/sign-in/demo", url.Values{"account": {string(h.ana.ID)}}, 404)
	})
	t.Run("the account's language is taken up", func(t *testing.T) {
		h.clock = h.clock.Add(time.Hour)
		page := h.post("/sign-in", url.Values{"address": {"ana@outlook.example"}, "password": {"correct horse battery"}, "return": {"/looked"}}, 200)
		contains(t, page, `<html lang="fr"`, "Qui a regardé", "mot de passe erroné", "Personne chez ce fournisseur")
	})
	t.Run("signing out ends it", func(t *testing.T) {
		h.post("/sign-out", nil, 200)
		contains(t, h.get("/mailbox/inbox", 200), `action="/sign-in"`)
	})
}

func item(t *testing.T, page, subject string) string {
	t.Helper()
	for _, li := range strings.Split(page, "<li") {
		if m := regexp.MustCompile(`name="item" value="([^"]+)"`).FindStringSubmatch(li); m != nil && strings.Contains(li, subject) {
			return m[1]
		}
	}
	t.Fatalf("there is no message %q in the list", subject)
	return ""
}

func TestActsAndUndo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.put("INBOX", letter("Dinner on Friday", "Eight o'clock."))
	h.put("INBOX", letter("Invoice", "Attached."))
	h.put("Famille", letter("Vacances", "Loin."))
	h.signIn()
	tests := []struct {
		do, to string
		gone   bool
		there  string // where it is afterwards
	}{
		{do: "archive", gone: true, there: "/mailbox/archive"},
		{do: "delete", gone: true, there: "/mailbox/trash"},
		{do: "junk", gone: true, there: "/mailbox/junk"},
		{do: "read"}, {do: "flag"},
	}
	for _, tt := range tests {
		t.Run(tt.do, func(t *testing.T) {
			inbox := h.get("/mailbox/inbox", 200)
			page := h.post("/act", url.Values{"do": {tt.do}, "item": {item(t, inbox, "Dinner on Friday")}, "return": {"/mailbox/inbox"}}, 200)
			if tt.gone {
				lacks(t, page, "Dinner on Friday")
				contains(t, h.get(tt.there, 200), "Dinner on Friday")
			}
			undo := regexp.MustCompile(`(?s)<form method="post" action="/act">(.*?)</form>`).FindStringSubmatch(page)
			if undo == nil {
				t.Fatal("there is no undo")
			}
			form := url.Values{}
			for _, m := range regexp.MustCompile(`name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(undo[1], -1) {
				form.Add(m[1], m[2])
			}
			contains(t, h.post("/act", form, 200), "Dinner on Friday")
		})
	}
	t.Run("nothing chosen", func(t *testing.T) {
		contains(t, h.post("/act", url.Values{"do": {"delete"}, "return": {"/mailbox/inbox"}}, 200), "Rien n’était choisi")
	})
	t.Run("another's message", func(t *testing.T) {
		h.post("/act", url.Values{"do": {"delete"}, "item": {strings.Repeat("ab", 16) + ":1"}}, 404)
	})
	t.Run("an act that is none", func(t *testing.T) {
		inbox := h.get("/mailbox/inbox", 200)
		h.post("/act", url.Values{"do": {"explode"}, "item": {item(t, inbox, "Invoice")}}, 422)
	})
	t.Run("to another site", func(t *testing.T) {
		page := h.post("/act", url.Values{"do": {"read"}, "return": {"https://evil.example/"}}, 200)
		contains(t, page, "Boîte de réception")
	})
}

func TestSearchAndPages(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for i := range 60 {
		h.clock = h.clock.Add(time.Minute)
		h.put("INBOX", letter("Letter "+string(rune('A'+i%26))+string(rune('a'+i/26)), "Word."))
	}
	h.signIn()
	first := h.get("/mailbox/inbox", 200)
	older := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(first)
	if older == nil {
		t.Fatal("there is no second page")
	}
	second := h.get(strings.ReplaceAll(older[1], "&amp;", "&"), 200)
	contains(t, second, "Letter Aa")
	lacks(t, second, "Letter Hc", `rel="next"`)
	found := h.get("/search?q="+url.QueryEscape(`subject:"letter Aa" is:unread`), 200)
	contains(t, found, "Letter Aa", `class="chip on" href="/search?q=is%3Aunread"`)
	lacks(t, found, "Letter Bb")
	contains(t, h.get("/search?q=nothinglikeit", 200), "Aucun résultat")
	h.get("/search?q="+url.QueryEscape("from:(\" ] [ \x00 ' %"), 200)
}

const mixed = `From: "<script>alert(1)</script>" <x@evil.example>
To: ana@outlook.example
Subject: <img src=x onerror=alert(1)>
Date: Mon, 23 Nov 2026 12:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html; charset=utf-8

<p>Hello <script>alert(1)</script><img src="https://tracker.example/p.gif"><img src="cid:pic"><a href="https://evil.example/">https://bank.example/</a></p>
--b
Content-Type: image/png
Content-ID: <pic>
Content-Disposition: inline; filename=p.png
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--b
Content-Type: text/html
Content-Disposition: attachment; filename="evil.html"

<script>alert(document.cookie)</script>
--b--
`

func TestReadingIsSafe(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.put("INBOX", mixed)
	h.signIn()
	page := h.get("/message/"+string(id), 200)
	lacks(t, page, "<script>alert", "onerror=alert(1)>", "tracker.example/p.gif")
	contains(t, page, "&lt;script&gt;", `sandbox="allow-popups allow-popups-to-escape-sandbox"`, "remote=1")
	frame := regexp.MustCompile(`<iframe[^>]* src="([^"]+)"`).FindStringSubmatch(page)
	if frame == nil {
		t.Fatal("there is no frame")
	}
	t.Run("the frame", func(t *testing.T) {
		res, body := fetch(t, frame[1])
		csp := res.Header.Get("Content-Security-Policy")
		lacks(t, body, "<script", "tracker.example/p.gif", "<img src=x")
		contains(t, body, "Hello", "cid/pic", "evil.example")
		contains(t, csp, "default-src 'none'", "sandbox", "frame-ancestors "+h.face.URL, "img-src data: "+h.view.URL+";")
		if len(res.Cookies()) > 0 {
			t.Error("the view origin set a cookie")
		}
	})
	t.Run("remote pictures when asked for", func(t *testing.T) {
		page := h.get("/message/"+string(id)+"?remote=1", 200)
		m := regexp.MustCompile(`<iframe[^>]* src="([^"]+)"`).FindStringSubmatch(page)
		res, body := fetch(t, m[1])
		contains(t, body, "https://tracker.example/p.gif")
		contains(t, res.Header.Get("Content-Security-Policy"), "https: http:")
	})
	t.Run("its own picture", func(t *testing.T) {
		res, body := fetch(t, frame[1]+"cid/pic")
		if res.Header.Get("Content-Type") != "image/png" || !strings.HasPrefix(body, "\x89PNG") {
			t.Errorf("got %s", res.Header.Get("Content-Type"))
		}
	})
	t.Run("a ticket that was changed", func(t *testing.T) {
		bad := []byte(frame[1])
		at := len(h.view.URL) + len("/v/") + 4
		bad[at] ^= 1
		if res, _ := fetch(t, string(bad)); res.StatusCode != 404 {
			t.Errorf("status %d", res.StatusCode)
		}
	})
	t.Run("a ticket that is over", func(t *testing.T) {
		h.clock = h.clock.Add(ticketLife + time.Second)
		if res, _ := fetch(t, frame[1]); res.StatusCode != 404 {
			t.Errorf("status %d", res.StatusCode)
		}
	})
	t.Run("an attachment is only ever kept", func(t *testing.T) {
		for _, m := range regexp.MustCompile(`href="(/message/[0-9a-f]+/attachment/[^"]+)"`).FindAllStringSubmatch(page, -1) {
			res, err := h.http.Get(h.face.URL + m[1])
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if !strings.HasPrefix(res.Header.Get("Content-Disposition"), "attachment") || strings.Contains(res.Header.Get("Content-Type"), "html") || res.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(res.Header.Get("Content-Security-Policy"), "sandbox") {
				t.Errorf("%s: %v", m[1], res.Header)
			}
		}
	})
	t.Run("the source is the bytes that came", func(t *testing.T) {
		res, err := h.http.Get(h.face.URL + "/message/" + string(id) + "/source")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		if string(body) != strings.ReplaceAll(mixed, "\n", "\r\n") {
			t.Error("the source differs")
		}
	})
	for _, show := range []string{"plain", "headers"} {
		t.Run(show, func(t *testing.T) {
			lacks(t, h.get("/message/"+string(id)+"?show="+show, 200), "<script>alert", "<iframe")
		})
	}
	t.Run("a message that is not there", func(t *testing.T) { h.get("/message/"+strings.Repeat("0", 32), 404) })
}

func fetch(t *testing.T, address string) (*http.Response, string) {
	t.Helper()
	res, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestHelpAndConsent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	one, two := h.put("INBOX", letter("One", "1")), h.put("INBOX", letter("Two", "2"))
	h.signIn()
	t.Run("a case needs words", func(t *testing.T) {
		contains(t, h.post("/help", url.Values{"subject": {" "}}, 422), `href="#subject"`, `href="#text"`)
	})
	t.Run("chosen in the list, shared in the case", func(t *testing.T) {
		page := h.post("/act", url.Values{"do": {"help"}, "item": {item(t, h.get("/mailbox/inbox", 200), "One")}}, 200)
		contains(t, page, `value="`+string(one)+`" id="m-`+string(one)+`" checked`)
		contains(t, h.post("/help", url.Values{"subject": {"Lost"}, "text": {"Where is it?"}, "message": {string(one)}}, 200), "Where is it?", "transmise")
		if len(h.help.shared) != 1 || h.help.shared[0] != one {
			t.Errorf("shared %v", h.help.shared)
		}
	})
	t.Run("one message, one consent", func(t *testing.T) {
		contains(t, h.get("/help/share/"+string(two), 200), "Two", "Lost")
		h.post("/help/share/"+string(two), url.Values{"case": {"1000"}}, 200)
		if len(h.help.shared) != 2 || h.help.shared[1] != two {
			t.Errorf("shared %v", h.help.shared)
		}
	})
	t.Run("reply", func(t *testing.T) {
		contains(t, h.post("/help/1000", url.Values{"text": {"<b>Found</b>"}}, 200), "&lt;b&gt;Found&lt;/b&gt;")
		h.get("/help/4", 404)
	})
	t.Run("consent shows exactly what would be seen, and can be narrowed", func(t *testing.T) {
		h.help.requests = []ConsentRequest{{ID: "r1", Case: 1000, Tier: postern.TierContent, Messages: []postern.MessageID{one, two}, Reason: postern.ReasonSupport, Sentence: "To look", For: 30 * time.Minute, Name: "Paul", Role: "agent", Organisation: "Helpline", Asked: noon}}
		contains(t, h.get("/consent", 200), "Paul", "2 messages")
		contains(t, h.get("/consent/r1", 200), "One", "Two", "To look", "ces 2 messages")
		h.post("/consent/r1/agree", url.Values{"minutes": {"5"}}, 422)
		for _, unread := range []url.Values{{"minutes": {"few"}}, {"minutes": {"0"}}, {"minutes": {"5"}, "tier": {"everything"}}} {
			unread["message"] = []string{string(two)}
			h.post("/consent/r1/agree", unread, 422)
		}
		h.post("/consent/r1/agree", url.Values{"minutes": {"5"}, "message": {string(two), strings.Repeat("f", 32)}}, 200)
		if want := "agree r1 [" + string(two) + "] 5"; len(h.help.said) != 1 || h.help.said[0] != want {
			t.Errorf("said %q, want %q", h.help.said, want)
		}
		h.get("/consent/r1", 404)
	})
	t.Run("refuse and withdraw", func(t *testing.T) {
		h.post("/consent/r2/decline", url.Values{"sentence": {"No, thank you"}}, 200)
		h.help.running = []Permission{{ID: "g1", Case: 1000, Tier: postern.TierContent, Messages: []postern.MessageID{two}, Name: "Paul", Organisation: "Helpline", Until: noon.Add(time.Minute), AgreedBy: "customer"}}
		contains(t, h.get("/consent", 200), "/permission/g1/withdraw", "avec votre accord")
		h.post("/permission/g1/withdraw", nil, 200)
		if got := strings.Join(h.help.said[1:], "; "); got != "decline r2 No, thank you; withdraw g1" {
			t.Errorf("said %q", got)
		}
	})
}

func TestWhoLooked(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.put("INBOX", letter("One", "1"))
	h.signIn()
	contains(t, h.get("/looked", 200), "Personne chez ce fournisseur n’a ouvert votre courrier", "Vous vous êtes connecté")
	h.help.looks = []Look{
		{Seq: 5, Index: 77, Disclosure: "d5", At: noon.Add(time.Minute), Tier: postern.TierContent, Fields: postern.FieldSubject | postern.FieldBody, Messages: []postern.MessageID{id}, Name: "Paul Girard", Role: "agent", Organisation: "Helpline", Reason: postern.ReasonSupport, Sentence: "To look", Case: 1000, AgreedBy: "customer"},
		{Seq: 4, Index: -1, Disclosure: "d4", At: noon, Tier: postern.TierAccount, Fields: postern.FieldStatus, Role: "agent", Reason: postern.ReasonSupport, AgreedBy: "policy"},
		{Seq: 3, Index: 12, Disclosure: "d3", At: noon, Tier: postern.TierAttachment, Fields: postern.FieldSource, Role: "operator", Reason: postern.ReasonService},
	}
	page := h.get("/looked", 200)
	contains(t, page, "Paul Girard", "objet et texte", "1 message", "Helpline", "Dossier 1000", "To look", "avec votre accord", "/looked/d5")
	lacks(t, page, "Personne chez ce fournisseur")
	lacks(t, h.get("/looked?only=you", 200), "Paul Girard")
	lacks(t, h.get("/looked?only=staff", 200), "Vous vous êtes connecté")
	contains(t, h.get("/looked/d5", 200), "postern verify record access.proof --policy policy.txt", "77")
	contains(t, h.get("/looked/d4", 200), "quelques secondes")
	operator := []string{"Un opérateur du service a exporté la boîte", "en ligne de commande", "personne n’a été interrogé"}
	contains(t, page, operator...)
	contains(t, h.get("/looked/d3", 200), operator...)
	h.get("/looked/d6", 404)
	if got := h.get("/looked/d5/access.proof", 200); got != "proof of d5" {
		t.Errorf("the proof is %q", got)
	}
	h.get("/looked/d9/access.proof", 404)
	contains(t, h.get("/help/new?about=d5", 200), "Paul Girard", "Enregistrement d5")
	contains(t, h.get("/help/new?about=d3", 200), "un opérateur du service")
}

func TestNotices(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.signIn()
	contains(t, h.get("/notices", 200), "Aucun avis")
	h.help.notices = []Notice{{ID: "n", Version: 2, Code: "9XYZ", Kind: "correction", At: noon, Subject: "Corrected", Text: "Four were seen."}, {ID: "n", Version: 1, Code: "4F7K", Kind: "first", At: noon.Add(-time.Hour), Subject: "First", Text: "Two were seen.", Delivered: true}}
	contains(t, h.get("/notices", 200), "9XYZ", "4F7K", "Rectification")
	contains(t, h.get("/notices/n", 200), "Four were seen.", "9XYZ", "version=1")
	contains(t, h.get("/notices/n?version=1", 200), "Two were seen.", "version plus récente")
	h.get("/notices/m", 404)
	if want := []postern.NoticeID{"n", "n"}; !slices.Equal(h.help.opened, want) {
		t.Errorf("opened %v, want %v", h.help.opened, want)
	}
}

// TestNoticeListsWhatWasShown opens a notice whose reader finds each message with
// its subject, the service whose reset mail was among them, and who will be
// imitated.
func TestNoticeListsWhatWasShown(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	plain := h.put("INBOX", letter("The keys", "Under the stone."))
	reset := h.put("INBOX", strings.Replace(letter("Reset your password", "Reset your password: https://accounts.fabrikam.example/reset?token=8461"), "Claire Martin <claire@msn.example>", "Fabrikam <no-reply@fabrikam.example>", 1))
	h.signIn()
	shown := func(ids ...postern.MessageID) (all []told.Shown) {
		for _, id := range ids {
			all = append(all, told.Shown{Message: id, Tier: postern.TierEnvelope, Fields: postern.FieldSubject})
		}
		return all
	}
	h.help.notices = []Notice{{ID: "n", Version: 1, Code: "4F7K", Kind: "first", At: noon, Subject: "First", Text: "Two were seen.", Shown: shown(plain, reset, "00000000000000000000000000000009")}}
	page := h.get("/notices/n", 200)
	contains(t, page, "Les 3 messages qui ont été montrés", "The keys", "Reset your password", "À sécuriser en premier", "<strong>fabrikam.example</strong>", "On peut se faire passer pour ces personnes", "00000000")
	if strings.Count(page, "fabrikam.example</strong>") != 1 || strings.Contains(page, "Les suivants") {
		t.Errorf("the page is:\n%s", page)
	}
	many := shown(slices.Repeat([]postern.MessageID{plain}, 230)...)
	h.help.notices[0].Shown = many
	contains(t, h.get("/notices/n?version=1&from=100", 200), "Les précédents", "version=1&amp;from=200", "version=1&amp;from=0")
}

func TestSettings(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.put("INBOX", letter("One", "1"))
	h.signIn()
	contains(t, h.get("/settings", 200), "ana@outlook.example", "1 message")
	contains(t, h.post("/settings/language", url.Values{"lang": {"en"}}, 200), `<html lang="en"`, "Language of pages")
	if acc, err := h.acc.ByID(t.Context(), h.ana.ID); err != nil || acc.Locale != "en" {
		t.Errorf("the account's language is %q, %v", acc.Locale, err)
	}
	t.Run("the switch of the layout is kept too", func(t *testing.T) {
		contains(t, h.post("/preferences", url.Values{"lang": {"fr"}, "return": {"/settings?x=1"}}, 200), `<html lang="fr"`)
		if acc, err := h.acc.ByID(t.Context(), h.ana.ID); err != nil || acc.Locale != "fr" {
			t.Errorf("the account's language is %q, %v", acc.Locale, err)
		}
	})
	t.Run("an app password is shown once", func(t *testing.T) {
		page := h.post("/settings/apps", url.Values{"label": {"Thunderbird"}}, 200)
		secret := regexp.MustCompile(`id="secret">([^<]+)<`).FindStringSubmatch(page)
		if secret == nil {
			t.Fatal("it was not shown")
		}
		apps := h.get("/settings/apps", 200)
		contains(t, apps, "Thunderbird")
		lacks(t, apps, secret[1])
		id := regexp.MustCompile(`name="app" value="([^"]+)"`).FindStringSubmatch(apps)
		lacks(t, h.post("/settings/apps/revoke", url.Values{"app": {id[1]}}, 200), ">Thunderbird<")
		h.post("/settings/apps", url.Values{"label": {""}}, 422)
	})
	t.Run("export gives the bytes back", func(t *testing.T) {
		contains(t, h.get("/settings/export", 200), "/settings/export/inbox")
		contains(t, h.get("/settings/export/inbox", 200), "From ", "Subject: One")
		h.get("/settings/export/"+strings.Repeat("0", 32), 404)
	})
	t.Run("sessions", func(t *testing.T) {
		contains(t, h.get("/settings/sessions", 200), "celle-ci")
		contains(t, h.post("/settings/sessions/end", url.Values{"session": {"others"}}, 200), "celle-ci")
		h.post("/settings/sessions/end", url.Values{"session": {"nonsense"}}, 404)
	})
	t.Run("a new password wants the old one and ends other sessions", func(t *testing.T) {
		contains(t, h.get("/settings/password?why=not-me", 200), "Ce n’était pas vous")
		h.post("/settings/password", url.Values{"old": {"no"}, "new": {"another good password"}}, 422)
		h.clock = h.clock.Add(time.Hour)
		h.post("/settings/password", url.Values{"old": {"correct horse battery"}, "new": {"x"}}, 422)
		contains(t, h.post("/settings/password", url.Values{"old": {"correct horse battery"}, "new": {"another good password"}}, 200), "Votre mot de passe est changé", "celle-ci")
	})
}

func TestWriting(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.put("INBOX", "From: Claire <claire@msn.example>\nReply-To: home@msn.example\nTo: ana@outlook.example, Émile <emile@hotmail.example>\nSubject: Dinner\nDate: Mon, 23 Nov 2026 12:00:00 +0000\nMessage-ID: <1@msn.example>\nReferences: <0@msn.example>\n\nEight?\n> Seven?\n")
	h.signIn()
	page := h.get("/compose?all=1&reply="+string(id), 200)
	contains(t, page, `value="home@msn.example"`, `value="emile@hotmail.example"`, `value="Re: Dinner"`, "&gt; Eight?", "&gt;&gt; Seven?", "Claire a écrit")
	contains(t, h.post("/compose", url.Values{"to": {"nobody"}, "text": {"kept words"}}, 422), `href="#to"`, "kept words")
	contains(t, h.post("/compose", url.Values{"to": {"a@b.example"}, "text": {" "}}, 422), `href="#text"`)
	contains(t, h.post("/compose", url.Values{"to": {"missing@outlook.example"}, "text": {"x"}}, 422), "Rien n’a été envoyé")
	if len(h.sent) != 0 {
		t.Fatalf("sent %q", h.sent)
	}
	contains(t, h.post("/compose", url.Values{"to": {"home@msn.example, Home <home@msn.example>"}, "cc": {"emile@hotmail.example"}, "subject": {"Re: Dinner\r\nBcc: x@evil.example"}, "text": {"At eight.\r\n.\r\nAna"}, "reply": {string(id)}}, 200), "en route")
	if len(h.sent) != 1 {
		t.Fatalf("sent %d letters", len(h.sent))
	}
	contains(t, h.sent[0], "ana@outlook.example home@msn.example,emile@hotmail.example\n", "In-Reply-To: <1@msn.example>", "<0@msn.example> <1@msn.example>", "At eight.\r\n")
	lacks(t, h.sent[0], "\r\nBcc:")
	contains(t, h.get("/mailbox/sent", 200), "Dinner")
}
