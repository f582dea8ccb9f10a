package auditor

import (
	"bytes"
	"context"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
)

// Question asks for an audit of a running installation.
type Question struct {
	Sample     int    `json:"sample"`
	Checkpoint []byte `json:"checkpoint"` // nil for the newest
	Policy     []byte `json:"policy"`     // nil for the provider's own
	Keep       bool   `json:"keep"`       // gives the opened records
}

// Answer is what the audit found, and the opened records by their index.
type Answer struct {
	Report
	Verdict verify.Verdict   `json:"verdict"`
	Records map[int64][]byte `json:"records,omitempty"`
}

// Ask audits as a question says.
func Ask(ctx context.Context, l *ledger.Ledger, q Question, progress func(done, total int64)) (a Answer, err error) {
	if q.Policy == nil {
		q.Policy = l.PolicyFile()
	}
	o := Options{Sample: q.Sample, Checkpoint: q.Checkpoint, Progress: progress}
	if o.Policy, err = verify.ParsePolicy(q.Policy); err != nil {
		return a, &postern.Error{Kind: postern.Invalid, Text: "the policy can't be read", Err: err}
	}
	if q.Keep {
		a.Records = map[int64][]byte{}
		o.Keep = func(index int64, file []byte) error {
			a.Records[index] = bytes.Clone(file)
			return nil
		}
	}
	a.Report, err = Run(ctx, l, o)
	a.Verdict = a.Report.Verdict()
	return a, err
}
