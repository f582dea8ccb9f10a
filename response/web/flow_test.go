package web_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit"
	"github.com/postern-mail/postern/ui/htmlcheck"
)

// browser follows links and sends forms without any script.
type browser struct {
	t      testing.TB
	client *http.Client
	origin string
	at     string // the path it is on
	page   string
}

func (b *browser) read(r *http.Response, err error, want int) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.page, b.at = string(text), r.Request.URL.RequestURI()
	if r.StatusCode != want {
		b.t.Fatalf("%s %s: %s\n%s", r.Request.Method, b.at, r.Status, b.page)
	}
	htmlcheck.Check(b.t, text)
}

func (b *browser) get(path string) {
	b.t.Helper()
	r, err := b.client.Get(b.origin + path)
	b.read(r, err, http.StatusOK)
}

// post sends a form that stands on the page it is on, and only such a form.
func (b *browser) post(path string, want int, fields ...string) {
	b.t.Helper()
	if !strings.Contains(b.page, `action="`+path+`"`) {
		b.t.Fatalf("%s has no form that goes to %s:\n%s", b.at, path, b.page)
	}
	v := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	r, err := b.client.PostForm(b.origin+path, v)
	b.read(r, err, want)
}

func (b *browser) has(words ...string) {
	b.t.Helper()
	for _, w := range words {
		if !strings.Contains(b.page, w) {
			b.t.Fatalf("%s has no %q:\n%s", b.at, w, b.page)
		}
	}
}

// link gives the first address on the page that a pattern finds.
func (b *browser) link(pattern string) string {
	b.t.Helper()
	m := regexp.MustCompile(`href="(` + pattern + `)"`).FindStringSubmatch(b.page)
	if m == nil {
		b.t.Fatalf("%s has no link like %s:\n%s", b.at, pattern, b.page)
	}
	return strings.ReplaceAll(m[1], "&amp;", "&")
}

// TestFromAlertToNotice clicks through an incident, in French and English, as
// the two responders of the demo: the alert, the incident, what would end, the
// end, whose mail was seen, the notices, the second person, the sending.
func TestFromAlertToNotice(t *testing.T) {
	ctx := context.Background()
	n := testkit.Demo(t)
	member := func(login string) staff.Member {
		m, err := n.Staff.ByLogin(ctx, login)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	bo, idris, mei := member("bo@helpline.example"), member("idris@staff.outlook.example"), member("mei@staff.outlook.example")
	signIn := func(network string) staff.Session {
		_, s, err := n.Staff.Demo().SignInAs(ctx, bo.ID, staff.From{Network: network, Agent: "a browser"})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	signIn("203.0.113.0/24")
	thief := signIn("198.51.100.0/24")
	ana, err := n.Accounts.ByAddress(ctx, "ana@outlook.example")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := n.Cases.Of(ctx, ana.ID)
	if err != nil || len(cases) == 0 {
		t.Fatalf("Ana has no case: %v", err)
	}
	asked, err := n.Gate.Ask(ctx, thief, gate.Ask{Case: cases[0].ID, Account: ana.ID, Tier: postern.TierAccount, Reason: postern.ReasonSupport, Sentence: "To help.", For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	shown, err := n.Gate.Reveal(ctx, thief, gate.Want{Grant: asked.Grant, Tier: postern.TierAccount})
	if err != nil {
		t.Fatal(err)
	}
	shown.Done()
	if _, err := n.Ledger.Sequence(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Response.Tick(ctx); err != nil {
		t.Fatal(err)
	}

	// Idris reads French.
	b := &browser{t: t, client: testkit.Client(t), origin: n.Origins().Response}
	b.get("/alerts")
	if b.at != "/sign-in" {
		t.Fatalf("without a session: %s", b.at)
	}
	b.post("/sign-in/demo", http.StatusOK, "staff", string(idris.ID), "next", "/")
	b.has(`lang="fr"`, "connexion depuis un réseau nouveau", "Depuis 198.51.100.0/24, jamais vu pour cette personne.")
	b.get(b.link("/alerts/[0-9a-f]{32}"))
	b.has("A vu", "Compte")
	alert := strings.TrimPrefix(b.at, "/alerts/")
	b.post("/incidents", http.StatusOK, "alert", alert, "title", "L'accès de Bo")
	path, _, _ := strings.Cut(b.at, "?")
	b.has("L’accès est encore ouvert", "Couper la connexion de Bo Lindqvist", "Idris Haddad")

	// It shows what it will end before it ends it.
	b.get(b.link(path + "/contain\\?kind=credential[^\"]*"))
	b.has("Ceci se termine maintenant", "<strong>2</strong><span>sessions se terminent")
	subject := regexp.MustCompile(`name="subject" value="([0-9a-f]{32})"`).FindStringSubmatch(b.page)[1]
	b.post(path+"/contain", http.StatusOK, "kind", "credential", "subject", subject, "why", "Bo est en vacances.")
	b.has("L’accès est coupé", "Bo est en vacances.", "2 sessions")
	if _, err := n.Gate.Reveal(ctx, thief, gate.Want{Grant: asked.Grant, Tier: postern.TierAccount}); postern.KindOf(err) != postern.Denied {
		t.Errorf("a reveal after the containment: %v", err)
	}

	b.get(path)
	b.post(path+"/cause", http.StatusOK, "cause", "stolen", "why", "Il ne s'est pas connecté.")
	b.get(path + "/scope")
	b.post(path+"/scope", http.StatusOK, "credential", subject, "since", "", "until", "")
	b.has("Concernés", string(ana.ID)[:8])
	b.get(b.link(path + "/scope/1/[0-9a-f]{32}"))
	b.has(string(ana.ID))
	b.get(path + "/notices")
	b.post(path+"/notices/draft", http.StatusOK)
	b.has("Des informations sur votre compte ont été montrées avec un accès d&#39;assistance volé.", "Details of your mail account were shown with a stolen support sign-in.")
	b.post(path+"/notices/submit", http.StatusOK)
	if strings.Contains(b.page, path+"/notices/approve") {
		t.Error("the drafter is offered to approve")
	}

	// Mei reads English, and is the second person.
	second := &browser{t: t, client: testkit.Client(t), origin: b.origin}
	second.get("/sign-in")
	second.post("/sign-in/demo", http.StatusOK, "staff", string(mei.ID), "next", path+"/notices")
	second.has(`lang="en"`, "You are the second person.")
	second.post(path+"/notices/approve", http.StatusOK)
	second.post(path+"/notices/send", http.StatusOK)
	for deadline := time.Now().Add(20 * time.Second); ; {
		if second.get(path + "/notices"); strings.Contains(second.page, "1 of 1") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not sent:\n%s", second.page)
		}
	}
	told, err := n.Response.NoticesOf(ctx, ana.ID)
	if err != nil || len(told) != 1 || told[0].Locale != "fr" {
		t.Errorf("Ana was told %+v, %v", told, err)
	}
	second.get("/containments")
	second.has("Bo Lindqvist", "In force")
	second.post("/containments/"+regexp.MustCompile(`/containments/([0-9a-f]{32})/lift`).FindStringSubmatch(second.page)[1]+"/lift", http.StatusOK, "why", "A new passkey.")
	second.has("Let in again")
	b.get(path)
	b.has("Personnes informées", "Rétabli")

	// Who has no business here is told so; who is no one signs in.
	agent := &browser{t: t, client: testkit.Client(t), origin: b.origin}
	agent.get("/sign-in")
	agent.post("/sign-in/demo", http.StatusForbidden, "staff", string(member("nadia@staff.outlook.example").ID), "next", "/")
	agent.get("/alerts")
	if agent.at != "/sign-in" {
		t.Errorf("an agent came to %s", agent.at)
	}
}
