package node

import (
	"bytes"
	"context"

	"github.com/postern-mail/postern/ledger/auditor"
	"github.com/postern-mail/postern/ledger/verify"
)

// AuditIn asks for an opening audit.
type AuditIn struct {
	Sample     int    `json:"sample"`
	Checkpoint []byte `json:"checkpoint"` // nil for the newest
	Policy     []byte `json:"policy"`     // nil for the provider's own
	Keep       bool   `json:"keep"`       // gives the opened records
}

// AuditOut is what the audit found, and the opened records by their index.
type AuditOut struct {
	auditor.Report
	Verdict verify.Verdict   `json:"verdict"`
	Records map[int64][]byte `json:"records,omitempty"`
}

func auditLedger(ctx context.Context, n *Node, in AuditIn, r report) (out AuditOut, err error) {
	text := in.Policy
	if text == nil {
		text = n.Ledger.PolicyFile()
	}
	o := auditor.Options{Sample: in.Sample, Checkpoint: in.Checkpoint, Progress: r}
	if o.Policy, err = verify.ParsePolicy(text); err != nil {
		return out, invalid("the policy can't be read: %v", err)
	}
	if in.Keep {
		out.Records = map[int64][]byte{}
		o.Keep = func(index int64, file []byte) error {
			out.Records[index] = bytes.Clone(file)
			return nil
		}
	}
	if out.Report, err = auditor.Run(ctx, n.Ledger, o); err != nil {
		return out, err
	}
	out.Verdict = out.Report.Verdict()
	n.log.Info("the ledger was audited", "drawn", out.Drawn, "size", out.Size, "findings", len(out.Findings))
	return out, nil
}
