package web

import (
	"context"
	"net/url"
	"testing"
)

// A customer files and forwards, by forms alone.
func TestRulesPage(t *testing.T) {
	h := newHouse(t)
	h.signIn()
	h.put("INBOX", letter("Your invoice", "12 coins"))
	contains(t, h.get("/settings", 200), "/settings/rules")
	h.get("/settings/rules", 200)

	form := url.Values{"match": {"all"}, "field1": {"subject"}, "way1": {"contains"}, "value1": {"invoice"}, "place": {"delete"}, "read": {"1"}}
	try := url.Values{"try": {"1"}}
	for k, v := range form {
		try[k] = v
	}
	contains(t, h.post("/settings/rules", try, 200), "1 de vos 1 derniers messages")
	h.post("/settings/rules", form, 200)
	page := h.get("/settings/rules", 200)
	contains(t, page, "data-rule=", "Mettre à la corbeille", "Marquer comme lu")

	form.Set("forward", "ana@elsewhere.example")
	contains(t, h.post("/settings/rules", form, 422), "demande votre mot de passe")
	form.Set("password", "correct horse battery")
	h.post("/settings/rules", form, 200)
	contains(t, h.get("/settings/rules", 200), "ana@elsewhere.example")
	contains(t, h.get("/mailbox/inbox", 200), "Votre courrier est maintenant transféré")

	list, err := h.mail.Rules().Of(context.Background(), h.ana.ID)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	second := "/settings/rules/" + list[1].ID
	h.post(second, url.Values{"do": {"up"}}, 200)
	h.post(second, url.Values{"do": {"off"}}, 200)
	h.post(second, url.Values{"do": {"on"}}, 422)
	h.post(second, url.Values{"do": {"on"}, "password": {"correct horse battery"}}, 200)
	h.post(second, url.Values{"do": {"fly"}}, 422)
	h.post(second, url.Values{"do": {"remove"}}, 200)
	h.post("/settings/rules", url.Values{"value1": {"x"}}, 422)
	list, err = h.mail.Rules().Of(context.Background(), h.ana.ID)
	if err != nil || len(list) != 1 || len(list[0].Forwards()) != 0 {
		t.Error(list, err)
	}
}
