package bench

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	dbopen "github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/staff"
)

// loopback dials every .localhost name on this machine.
func loopback(ctx context.Context, network, address string) (net.Conn, error) {
	if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, ".localhost") {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// directory measures pages beside 1,000 accounts, and again beside 1,000,000
// and 500 agents. The rows are written straight into the tables.
func directory(ctx context.Context, n *node.Node, _ string, o Options) error {
	if err := n.Staff.CreateOrganisation(ctx, staff.Organisation{ID: "provider", Name: "Bench", Kind: "provider"}); err != nil {
		return err
	}
	workers := make([]worker, 4)
	for i := range workers {
		var err error
		if workers[i], err = newWorker(ctx, n, i); err != nil {
			return err
		}
	}
	h, err := dbopen.SQLite(ctx, n.Config().Data, dbopen.Mail)
	if err != nil {
		return err
	}
	defer h.Close()
	have := 0
	for _, many := range []int{1000, 1_000_000} {
		if err := fill(ctx, h, have, many); err != nil {
			return err
		}
		have = many
		if many > 1000 {
			for i := range 500 {
				if _, err := n.Staff.CreateMember(ctx, staff.NewMember{Login: fmt.Sprintf("more%d@bench.example", i), Name: fmt.Sprintf("More %d", i), Locale: "en", Organisation: "provider", Roles: []staff.Role{staff.Agent}}); err != nil {
					return err
				}
			}
		}
		for _, c := range []struct{ name, path string }{{"/cases", "/cases"}, {"/accounts", "/accounts"}, {"/accounts, one found", "/accounts?address=filler500@bench.example"}, {"a reveal", ""}} {
			took, err := visit(ctx, workers, c.path, 20*time.Millisecond, o.For)
			if err != nil {
				return err
			}
			o.Each(Figure{Name: fmt.Sprintf("Desk %s beside %d accounts", c.name, many), Value: float64(len(took)) / o.For.Seconds(), Unit: "/s", P50: percentile(took, 50), P95: percentile(took, 95), P99: percentile(took, 99)})
		}
	}
	return nil
}

func fill(ctx context.Context, h *db.Handle, from, to int) error {
	const batch = 20_000
	for at := from; at < to; at += batch {
		err := h.Update(ctx, func(tx *db.Tx) error {
			for i := at; i < min(at+batch, to); i++ {
				_, err := tx.Exec("INSERT INTO account_account (id, address, name, locale, status, created, quota_bytes, password_hash) VALUES (?1, ?2, ?3, 'en', 'active', 0, 0, '')",
					postern.NewID(), fmt.Sprintf("filler%d@bench.example", i), fmt.Sprintf("Filler %d", i))
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
