package node

import (
	"context"

	"github.com/postern-mail/postern/ledger/auditor"
)

func auditLedger(ctx context.Context, n *Node, q auditor.Question, r report) (auditor.Answer, error) {
	a, err := auditor.Ask(ctx, n.Ledger, q, r)
	if err == nil {
		n.log.Info("the ledger was audited", "drawn", a.Drawn, "size", a.Size, "findings", len(a.Findings))
	}
	return a, err
}
