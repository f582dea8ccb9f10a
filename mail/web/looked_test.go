package web

import (
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
)

func TestActsAndRecords(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.signIn()
	h.help.acts = []Act{
		{Seq: 9, Index: 3, ID: "a9", Kind: "request", At: noon, Name: "Paul Girard", Organisation: "Helpline", Case: 1000},
		{Seq: 8, Index: -1, ID: "a8", Kind: "consent", At: noon.Add(-time.Minute), You: true},
		{Seq: 7, Index: 1, ID: "a7", Kind: "contain", At: noon.Add(-time.Hour)},
	}
	page := h.get("/looked", 200)
	contains(t, page, "Un accès a été demandé", "Paul Girard", "Un accord a été donné", "Vous", "Un accès a été coupé aussitôt", "Le service", "Personne chez ce fournisseur")
	lacks(t, h.get("/looked?only=staff", 200), "Un accord a été donné")
	lacks(t, h.get("/looked?only=you", 200), "Un accord a été donné")
	contains(t, h.get("/looked?only=acts", 200), "Un accord a été donné")
	contains(t, h.get("/looked/a9/record", 200), "request", "who sat at the keyboard", "postern verify record access.proof --policy policy.txt", "/looked/a9/access.proof")
	contains(t, h.get("/looked/a8/record", 200), "quelques secondes")
	h.get("/looked/a1/record", 404)
}

// Every sign-in and every act is on some page, once, and the list ends.
func TestWhoLookedIsPagedToItsEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.signIn()
	for i := range 130 {
		at := noon.Add(-time.Duration(i) * time.Minute)
		h.help.acts = append(h.help.acts, Act{Seq: int64(1000 - i), ID: fmt.Sprintf("act%03d", i), Kind: "request", At: at})
		h.help.looks = append(h.help.looks, Look{Seq: int64(5000 - i), Disclosure: postern.DisclosureID(fmt.Sprintf("look%03d", i)), At: at, Tier: postern.TierAccount, Role: "agent", Reason: postern.ReasonSupport})
	}
	seen := map[string]int{}
	next := "/looked"
	pages := 0
	for ; next != "" && pages < 20; pages++ {
		page := h.get(next, 200)
		for _, m := range regexp.MustCompile(`/looked/((?:act|look)\d{3})(?:/record)?"`).FindAllStringSubmatch(page, -1) {
			seen[m[1]]++
		}
		next = ""
		if m := regexp.MustCompile(`href="(/looked\?[^"]*signins=[^"]*|/looked\?[^"]*looks=[^"]*)"`).FindStringSubmatch(page); m != nil {
			next = html.UnescapeString(m[1])
		}
	}
	if len(seen) != 260 || pages != 6 {
		t.Errorf("%d of 260 were listed on %d pages", len(seen), pages)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s is listed %d times", id, n)
		}
	}
}

func TestClosingTheAccount(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.signIn()
	contains(t, h.get("/settings/erase", 200), "Fermer ce compte et l’effacer", "aucune déclaration ne peut plus être établie")
	h.post("/settings/erase", url.Values{"old": {"wrong"}}, 422)
	if !h.help.due.IsZero() {
		t.Fatal("without the password")
	}
	h.post("/settings/erase", url.Values{"old": {"correct horse battery"}}, 200)
	contains(t, h.get("/settings/erase", 200), "Ce compte sera effacé", "Garder le compte")
	h.post("/settings/erase", url.Values{"keep": {"1"}}, 200)
	if !h.help.due.IsZero() {
		t.Error("it is not kept")
	}
}

func TestStatements(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.signIn()
	contains(t, h.get("/statement", 200), "Quelqu’un est-il entré dans ma boîte", "00112233445566778899aabbccddeeff", "Les 30 derniers jours")
	contains(t, h.get("/settings", 200), "00112233445566778899aabbccddeeff")
	page := h.get("/statement?window=month&tier=content", 200)
	contains(t, page, "Personne n’a regardé", "Contenu", "n’a pas de témoins", "who sat at the keyboard", "postern verify non-access statement.proof --policy policy.txt", "/statement/statement.proof?from=")
	if want := noon.Add(-time.Hour); !h.help.asked[1].Equal(want) || !h.help.asked[0].Equal(want.AddDate(0, 0, -30)) {
		t.Errorf("asked for %v", h.help.asked)
	}
	h.get("/statement?window=all", 200)
	if !h.help.asked[0].Equal(noon.AddDate(0, -3, 0)) {
		t.Errorf("asked for %v", h.help.asked)
	}
	today := noon.Format(time.DateOnly)
	contains(t, h.get("/statement?window=dates&tier=envelope&from="+noon.AddDate(0, -1, 0).Format(time.DateOnly)+"&until="+today, 200), "plus que ce qui peut être prouvé")
	if !h.help.asked[1].Equal(noon.Add(-time.Hour)) {
		t.Errorf("asked for %v", h.help.asked)
	}
	contains(t, h.get("/statement?window=dates&from=2001-01-01&until=2001-02-01", 422), "Le registre a commencé plus tard")
	contains(t, h.get("/statement?window=dates&from=&until=x", 422), "Une date est illisible")
	contains(t, h.get("/statement?window=dates&from="+today+"&until="+noon.AddDate(0, -1, 0).Format(time.DateOnly), 422), "finir après avoir commencé")
	h.help.looks = []Look{{Seq: 2, Disclosure: "d2", At: noon, Tier: postern.TierContent, Role: "agent", Name: "Paul Girard", Reason: postern.ReasonSupport}, {Seq: 1, Disclosure: "d1", At: noon, Role: "agent", Name: "Nadia", Reason: postern.ReasonSupport}}
	h.help.count = 1
	page = h.get("/statement?window=month", 200)
	contains(t, page, "Il y a eu 1 accès", "Paul Girard")
	lacks(t, page, "Nadia", "Personne n’a regardé")
	if got := h.get("/statement/statement.proof?from=1&until=99999999999999&tier=trace", 422); strings.Contains(got, "statement at") {
		t.Error("a window before the log was given")
	}
	from, until := noon.AddDate(0, -1, 0).UnixMilli(), noon.Add(-2*time.Hour).UnixMilli()
	if got := h.get(fmt.Sprintf("/statement/statement.proof?from=%d&until=%d&tier=trace", from, until), 200); got != "statement at trace" {
		t.Errorf("the file is %q", got)
	}
	for _, bad := range []string{"from=x&until=2", "until=2", "from=-1&until=2"} {
		h.get("/statement/statement.proof?tier=trace&"+bad, 422)
	}
	if got := h.get("/statement/policy.txt", 200); got != "log k\n" {
		t.Errorf("the policy is %q", got)
	}
	contains(t, h.get("/statement?window=month", 200), `data-postern-check="/statement/statement.proof?from=`, `data-policy="/statement/policy.txt" hidden`, "ana@outlook.example")
	h.help.looks, h.help.count = nil, 0
	h.help.false = true
	page = h.get("/statement?window=month", 200)
	contains(t, page, "C’est notre parole, pas une preuve")
	lacks(t, page, "Personne n’a regardé")
	h.help.edge, h.help.count = true, 1
	page = h.get("/statement?window=month", 200)
	contains(t, page, "trop proche du bord")
	lacks(t, page, "Personne n’a regardé", "Il y a eu")
	h.help.erased, h.help.edge, h.help.count = noon.Add(-48*time.Hour), false, 0
	page = h.get("/statement?window=month", 200)
	contains(t, page, "Il n’est plus possible de répondre", "Effacé le", "impossible de conclure")
	lacks(t, page, "Personne n’a regardé", "personne n’a regardé")
	h.help.young = true
	contains(t, h.get("/statement", 200), "le registre a moins d’une heure")
}

// The page of an access names all that was seen, word for word, and how to check
// it; the list names the first few. Only the account's own messages have names.
func TestOneAccess(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.signIn()
	var ids []postern.MessageID
	for i := range 6 {
		ids = append(ids, h.put("INBOX", letter(fmt.Sprintf("Facture %d", i), "…")))
	}
	other, err := h.acc.Create(t.Context(), account.New{Address: "ben@outlook.example", Name: "Ben", Locale: "en", Password: "correct horse battery"})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := h.mail.Append(t.Context(), other.ID, "INBOX", []byte(strings.ReplaceAll(letter("Ben's own", "…"), "\n", "\r\n")), nil, h.clock)
	if err != nil {
		t.Fatal(err)
	}
	h.help.looks = []Look{
		{Seq: 2, Index: 7, Disclosure: "d2", At: noon, Tier: postern.TierContent, Fields: postern.FieldBody, Messages: append(ids, foreign), Role: "agent", Name: "Paul Girard", Reason: postern.ReasonSupport},
		{Seq: 1, Index: -1, Disclosure: "d1", At: noon, Tier: postern.TierAccount, Role: "agent", Reason: postern.ReasonSupport},
	}
	list := h.get("/looked", 200)
	contains(t, list, "Facture 0", "Facture 3", "et 3 autres messages")
	lacks(t, list, "Facture 4", "Ben&#39;s own")
	page := h.get("/looked/d2", 200)
	contains(t, page, "Facture 0", "Facture 5", "Paul Girard", `data-postern-check="/looked/d2/access.proof" data-policy="/statement/policy.txt" hidden`, "postern verify record access.proof --policy policy.txt", "who sat at the keyboard")
	lacks(t, page, "Ben&#39;s own")
	page = h.get("/looked/d1", 200)
	contains(t, page, "quelques secondes")
	lacks(t, page, "data-postern-check", "access.proof")
	h.help.looks[1].Index = -2
	page = h.get("/looked/d1", 200)
	contains(t, page, "durée de conservation")
	lacks(t, page, "access.proof", "quelques secondes")
	h.get("/looked/d3", 404)
}
