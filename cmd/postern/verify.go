package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger/verify"
)

type verifyCmd struct {
	Checkpoint  verifyCheckpoint  `cmd:"" help:"Check the signature of a checkpoint."`
	Inclusion   verifyInclusion   `cmd:"" help:"Check that a leaf is in the log."`
	Consistency verifyConsistency `cmd:"" help:"Check that a larger log holds all of a smaller one."`
	Record      verifyRecord      `cmd:"" help:"Check that a record is what its leaf in the log commits to."`
	NonAccess   verifyNonAccess   `cmd:"" help:"Check a proof that nobody looked, or of who did."`
	Replay      verifyReplay      `cmd:"" help:"Read a whole log and recompute everything in it."`
	Mirror      verifyMirror      `cmd:"" help:"Copy a whole log into a folder, checked."`
	Watch       verifyWatch       `cmd:"" help:"Look whether a log only grows, and go on looking."`
	Cosign      verifyCosign      `cmd:"" help:"Be a witness that also replays the map."`
	Statement   verifyStatement   `cmd:"" help:"Check a signed statement that stands alone."`
}

func (verifyCmd) Help() string {
	return `Example:

  postern verify record access.proof --key mx.example.org/ledger+8c1a7b02+AY…
  postern verify non-access statement.proof --policy policy.txt

All but replay, mirror, watch and cosign work offline. The key is the log's verifier key, and a policy names it together with the witnesses that you believe
(docs/ledger-format.md): get them from a place you trust, not from the file that is to be checked.
Exit status: 0 verified, 1 refuted, 2 cannot tell.`
}

type verifyOne struct {
	File     string   `arg:"" help:"The proof file; - for standard input."`
	Key      []string `xor:"whom" help:"A log's verifier key, or a file that holds it: believes the log and asks for no witness." placeholder:"KEY"`
	Policy   string   `xor:"whom" help:"A file that says which logs and witnesses to believe." placeholder:"FILE"`
	JSON     bool     `name:"json" help:"Answer in JSON."`
	Language string   `help:"en or fr." enum:"en,fr" default:"en"`
}

// maxProof bounds what is read.
const maxProof = verify.MaxNonAccessFile

// policy reads whom to believe.
func (v *verifyOne) policy() (p verify.Policy, err error) {
	if v.Policy != "" {
		b, err := os.ReadFile(v.Policy)
		if err != nil {
			return p, fmt.Errorf("couldn't read the policy: %w", err)
		}
		if p, err = verify.ParsePolicy(b); err != nil {
			return p, &postern.Error{Text: v.Policy + " is no policy", Err: err}
		}
		return p, nil
	}
	if len(v.Key) == 0 {
		return p, &postern.Error{Kind: postern.Invalid, Text: "whom do you believe? Give the log's verifier key (--key) or a policy with its witnesses (--policy), from a place you trust"}
	}
	for _, text := range v.Key {
		if b, err := os.ReadFile(text); err == nil {
			text = strings.TrimSpace(string(b))
		}
		for _, one := range strings.Fields(text) { // a log's key file has its earlier keys too
			k, err := verify.ParseKey(one)
			if err != nil {
				return p, &postern.Error{Text: "the key is no verifier key; it looks like NAME+8 digits+base64", Err: err}
			}
			p.Logs = append(p.Logs, k)
		}
	}
	return p, nil
}

func (v *verifyOne) check(o out, f func([]byte, verify.Policy) verify.Report) error {
	policy, err := v.policy()
	if err != nil {
		return err
	}
	file, err := v.read(o)
	if err != nil {
		return err
	}
	report := f(file, policy)
	if err := o.print(v.JSON, report, func(w io.Writer) { fmt.Fprint(w, report.Text(v.Language)) }); err != nil {
		return err
	}
	switch report.Verdict {
	case verify.Verified:
		return nil
	case verify.Refuted:
		return status(exitRefused)
	}
	return status(exitFailed)
}

func (v *verifyOne) read(o out) ([]byte, error) {
	in := o.Stdin
	if v.File != "-" {
		f, err := os.Open(v.File)
		if err != nil {
			return nil, fmt.Errorf("couldn't read the proof: %w", err)
		}
		defer f.Close()
		in = f
	}
	file, err := io.ReadAll(io.LimitReader(in, maxProof+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the proof: %w", err)
	}
	if len(file) > maxProof {
		return nil, fmt.Errorf("couldn't read the proof: it is larger than %d bytes, which no proof is", maxProof)
	}
	return file, nil
}

type (
	verifyCheckpoint  struct{ verifyOne }
	verifyInclusion   struct{ verifyOne }
	verifyConsistency struct{ verifyOne }
	verifyRecord      struct{ verifyOne }
	verifyNonAccess   struct{ verifyOne }
	verifyStatement   struct{ verifyOne }
)

func (v *verifyCheckpoint) Run(o out) error  { return v.check(o, verify.CheckCheckpoint) }
func (v *verifyInclusion) Run(o out) error   { return v.check(o, verify.CheckInclusionFile) }
func (v *verifyConsistency) Run(o out) error { return v.check(o, verify.CheckConsistencyFile) }
func (v *verifyRecord) Run(o out) error      { return v.check(o, verify.CheckRecordFile) }
func (v *verifyNonAccess) Run(o out) error   { return v.check(o, verify.CheckNonAccessFile) }
func (v *verifyStatement) Run(o out) error   { return v.check(o, verify.CheckStatementFile) }
