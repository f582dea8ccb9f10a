package open_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/testkit/engine"
)

// TestRoleOfAnotherPlane opens a plane as a superuser, who may look everywhere.
func TestRoleOfAnotherPlane(t *testing.T) {
	admins := map[string]string{}
	if admin := os.Getenv(engine.Env); admin != "" {
		admins["postgres"] = admin
	}
	for name, admin := range admins {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			if err := open.Provision(ctx, admin, nil); err != nil {
				t.Fatal(err)
			}
			h, err := open.PostgreSQL(ctx, admin, open.Staff, 2)
			if err == nil {
				h.Close()
			}
			if postern.KindOf(err) != postern.Denied || !strings.Contains(err.Error(), "a role of its own") {
				t.Errorf("a superuser as the staff plane's role: %v", err)
			}
		})
	}
}

func TestAddressIsNotRepeatedInErrors(t *testing.T) {
	_, err := open.PostgreSQL(context.Background(), "postgres://staff:secret-word@127.0.0.1:1/nowhere", open.Staff, 2)
	if err == nil || strings.Contains(err.Error(), "secret-word") {
		t.Errorf("got %v", err)
	}
	_, err = open.PostgreSQL(context.Background(), "postgres://staff:secret-word@[", open.Staff, 2)
	if err == nil || strings.Contains(err.Error(), "secret-word") {
		t.Errorf("got %v", err)
	}
}
