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
}

func (verifyCmd) Help() string {
	return `Example:

  postern verify record access.proof --key mx.example.org/ledger+8c1a7b02+AY…

Works offline. The key is the log's verifier key: get it from a place you trust, not from the file that is to be checked.
Exit status: 0 verified, 1 refuted, 2 cannot tell.`
}

type verifyOne struct {
	File     string   `arg:"" help:"The proof file; - for standard input."`
	Key      []string `required:"" help:"A log's verifier key, or a file that holds it." placeholder:"KEY"`
	JSON     bool     `name:"json" help:"Answer in JSON."`
	Language string   `help:"en or fr." enum:"en,fr" default:"en"`
}

// maxProof bounds what is read: the largest proof of this version is below 100 kB.
const maxProof = 1 << 20

func (v *verifyOne) check(o out, f func([]byte, verify.Policy) verify.Report) error {
	var policy verify.Policy
	for _, text := range v.Key {
		if b, err := os.ReadFile(text); err == nil {
			text = strings.TrimSpace(string(b))
		}
		k, err := verify.ParseKey(text)
		if err != nil {
			return &postern.Error{Text: "the key is no verifier key; it looks like NAME+8 digits+base64", Err: err}
		}
		policy.Logs = append(policy.Logs, k)
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
)

func (v *verifyCheckpoint) Run(o out) error  { return v.check(o, verify.CheckCheckpoint) }
func (v *verifyInclusion) Run(o out) error   { return v.check(o, verify.CheckInclusionFile) }
func (v *verifyConsistency) Run(o out) error { return v.check(o, verify.CheckConsistencyFile) }
func (v *verifyRecord) Run(o out) error      { return v.check(o, verify.CheckRecordFile) }
