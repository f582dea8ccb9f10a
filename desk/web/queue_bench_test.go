package web

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/policy"
)

// BenchmarkQueuePage measures the Desk's pages over HTTP beside a million cases,
// 100,000 of which are not closed, and 500 agents.
func BenchmarkQueuePage(b *testing.B) {
	h := newHouse(b, policy.Default(), false)
	p := h.hire("nadia", "provider", "agent")
	p.signIn()
	h.fill(b, 1_000_000, 500, string(p.m.ID))
	bo := h.hire("bo", "helpline", "agent")
	bo.signIn()
	for name, path := range map[string]string{
		"all": "/cases", "mine": "/cases?mine=1", "unassigned": "/cases?unassigned=1", "late": "/cases?late=1&sort=due", "waiting": "/cases?status=waiting", "open": "/cases?status=open", "closed": "/cases?status=closed",
		"urgent": "/cases?priority=urgent", "by priority": "/cases?sort=priority", "outside": "/cases?outside=1", "word": "/cases?q=zebra", "number": "/cases?q=777777", "case": "/cases/" + string(h.kase.ID),
	} {
		b.Run(name, func(b *testing.B) { h.load(b, p, path) })
		if name != "case" {
			b.Run("an outsourcer's "+name, func(b *testing.B) { h.load(b, bo, path) })
		}
	}
}

func (h *house) load(b *testing.B, p *person, path string) {
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		r, err := p.client.Get(h.server.URL + path)
		if err != nil {
			b.Fatal(err)
		}
		var bytes [4096]byte
		for err == nil {
			_, err = r.Body.Read(bytes[:])
		}
		r.Body.Close()
		if r.StatusCode != 200 {
			b.Fatalf("status %d", r.StatusCode)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	for name, i := range map[string]int{"min-ms": 0, "p50-ms": len(took) / 2} {
		b.ReportMetric(float64(took[i].Microseconds())/1000, name)
	}
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
}

// fill makes cases and members by SQL: by their own acts it would take an hour.
func (h *house) fill(t testing.TB, cases, members int, mine string) {
	t.Helper()
	now := h.clock.now().UnixMilli()
	err := h.db.Update(t.Context(), func(tx *db.Tx) error {
		if _, err := tx.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
			INSERT INTO desk_case (id, account, address, name, locale, subject, status, assignee, assignee_name, opened, updated, external, priority, organisation, outside, due)
			SELECT printf('%032x', i), printf('%032x', i % 400000), 'customer' || (i % 400000) || '@outlook.example', 'Customer ' || i, 'fr', 'Mail number ' || i || ' is gone',
				CASE WHEN i % 10 > 0 THEN 'closed' WHEN i % 30 = 0 THEN 'waiting' ELSE 'open' END,
				CASE WHEN i % 40 = 0 THEN '' WHEN i % 5000 = 10 THEN ?3 ELSE printf('%032x', i % 500) END, 'Somebody', ?2 - i * 1000, ?2 - i * 1000,
				CASE WHEN i % 7 = 0 THEN 'ZD-' || i ELSE '' END, CASE WHEN i % 100 = 20 THEN 4 ELSE 1 + i % 3 END, CASE WHEN i % 20 = 10 THEN 'helpline' ELSE 'provider' END, i % 20 = 10,
				CASE WHEN i % 10 > 0 OR i % 30 = 0 THEN 9007199254740991 ELSE ?2 + (i % 1000 - 10) * 60000 END FROM n`, int64(cases), now, mine); err != nil {
			return err
		}
		_, err := tx.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
			INSERT INTO desk_post (case_id, at, who, staff, kind, text, arg) SELECT printf('%032x', i), ?2, 'Customer', '', 'customer', 'My mail is gone.', '' FROM n`, int64(cases), now)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range members {
		h.hire(fmt.Sprintf("agent%d", i), "provider", "agent")
	}
}
