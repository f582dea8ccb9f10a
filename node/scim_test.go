package node_test

import (
	"net/http"
	"testing"

	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/testkit"
)

// TestATokenIsContainedLikeAPerson: a directory's token works over HTTP until
// the gate ends its credential, and not one request longer.
func TestATokenIsContainedLikeAPerson(t *testing.T) {
	n := testkit.Demo(t)
	members, err := n.Staff.Members(ctx)
	if err != nil || len(members) == 0 {
		t.Fatalf("members %v, %v", members, err)
	}
	var made, ended node.TokenOut
	if err := n.Do(ctx, "staff.token.new", node.TokenIn{Login: members[0].Login, Label: "directory", Scopes: []string{"scim"}, Days: 1}, &made); err != nil {
		t.Fatal(err)
	}
	client := testkit.Client(t)
	users := func() int {
		r, err := http.NewRequestWithContext(ctx, "GET", n.Origins().Desk+"/scim/v2/Users", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+made.Secret)
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	if got := users(); got != 200 {
		t.Fatalf("a token that counts: %d", got)
	}
	c, err := n.Gate.Contain(ctx, gate.Actor{Name: "operator"}, gate.Target{Kind: gate.KindCredential, Subject: string(made.Credential), Why: "found in a repository"})
	if err != nil || len(c.Sessions) != 1 {
		t.Fatalf("contained %+v, %v", c, err)
	}
	if got := users(); got != 401 {
		t.Errorf("after the containment: %d", got)
	}
	if err := n.Do(ctx, "staff.token.end", node.TokenIn{Token: made.Secret}, &ended); err != nil || ended.Credential != made.Credential {
		t.Errorf("ended %+v, %v", ended, err)
	}
}
