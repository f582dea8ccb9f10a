package node

import (
	"context"
	"fmt"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
)

// house says whether the word names a policy of the house rather than a file.
func house(word string) bool {
	_, ok := policy.Named(word)
	return ok
}

// ReplayIn is a policy, by its name or its file's text, and a time.
type ReplayIn struct {
	Name  string    `json:"name"`
	Text  string    `json:"text"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// page is how many entries are read at once.
const page = 1000

// replayPolicy runs the ledger's history under another policy. It changes
// nothing.
func replayPolicy(ctx context.Context, n *Node, in ReplayIn, r report) (none policy.Report, err error) {
	p, ok := policy.Named(in.Name)
	if !ok {
		if p, err = policy.Parse([]byte(in.Text)); err != nil {
			return none, err
		}
	}
	organisations, err := n.Staff.Organisations(ctx)
	if err != nil {
		return none, err
	}
	kinds := map[postern.OrganisationID]string{}
	for _, o := range organisations {
		kinds[o.ID] = o.Kind
	}
	replay := policy.NewReplay(p, policy.Sources{Kinds: kinds}, in.Since, in.Until)
	after := int64(-1)
	if !in.Since.IsZero() {
		// The newest entry before the windows that the first judged one needs.
		// More of them for clocks that disagree.
		before, err := n.Ledger.Find(ctx, ledger.Filter{Until: in.Since.Add(-policy.Lead), Limit: 1})
		if err != nil {
			return none, err
		}
		if len(before) > 0 {
			after = max(-1, before[0].Index-page)
		}
	}
	newest, err := n.Ledger.Find(ctx, ledger.Filter{Limit: 1})
	if err != nil {
		return none, err
	}
	start, total := after, int64(0)
	if len(newest) > 0 {
		total = max(0, newest[0].Index-start)
	}
	for {
		entries, err := n.Ledger.Entries(ctx, after, page)
		if err != nil {
			return none, fmt.Errorf("couldn't read the ledger: %w", err)
		}
		if len(entries) == 0 {
			return replay.Report(), nil
		}
		for _, e := range entries {
			replay.Add(e)
			after = e.Index
		}
		r(after-start, max(total, after-start))
	}
}
