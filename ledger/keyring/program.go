package keyring

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/postern-mail/postern"
)

const (
	maxOutput = 64 << 10 // of a program: keys are a few hundred bytes
	patience  = 20 * time.Second
)

// run runs a program of the config. Its output may be a key: it is in no error.
func run(ctx context.Context, argv []string, in []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = bytes.NewReader(in)
	var stdout limited
	cmd.Stdout = &stdout
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, &postern.Error{Kind: postern.Unavailable, Text: fmt.Sprintf("%s did not answer within %s", argv[0], patience), Err: ctx.Err()}
	case errors.As(err, &exit):
		return nil, &postern.Error{Kind: postern.Unavailable, Text: fmt.Sprintf("%s ended with status %d: run it by hand as this user to see why", argv[0], exit.ExitCode())}
	case err != nil:
		return nil, &postern.Error{Kind: postern.Unavailable, Text: fmt.Sprintf("couldn't run %s", argv[0]), Err: err}
	case stdout.over:
		return nil, fmt.Errorf("%s answered with more than %d bytes", argv[0], maxOutput)
	}
	return stdout.Bytes(), nil
}

// limited takes so much and drops the rest, so that no program can fill memory.
type limited struct {
	bytes.Buffer
	over bool
}

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > maxOutput {
		l.over = true
		return len(p), nil
	}
	return l.Buffer.Write(p)
}

// program is a [note.Signer] that has another program sign.
type program struct {
	argv     []string
	name     string
	hash     uint32
	verifier note.Verifier
}

func newProgram(argv []string, vkey string) (*program, error) {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, &postern.Error{Kind: postern.Invalid, Text: "log.vkey names no key of a kind that a program can sign for (Ed25519)", Err: err}
	}
	return &program{argv: argv, name: v.Name(), hash: v.KeyHash(), verifier: v}, nil
}

func (p *program) Name() string    { return p.name }
func (p *program) KeyHash() uint32 { return p.hash }

// Sign never gives a signature that does not hold: a module that was handed
// another key must stop the log, not spoil it.
func (p *program) Sign(msg []byte) ([]byte, error) {
	sig, err := run(context.Background(), p.argv, msg)
	if err != nil {
		return nil, err
	}
	if len(sig) != ed25519.SignatureSize {
		if b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(sig))); err == nil {
			sig = b
		}
	}
	if len(sig) != ed25519.SignatureSize || !p.verifier.Verify(msg, sig) {
		return nil, &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("%s did not sign with the key that log.vkey names (%s+%08x)", p.argv[0], p.name, p.hash)}
	}
	return sig, nil
}

// VerifierKey writes the public key of a program as a log's verifier key.
func VerifierKey(origin string, public ed25519.PublicKey) (string, error) {
	vkey, err := note.NewEd25519VerifierKey(origin, public)
	if err != nil {
		return "", fmt.Errorf("couldn't write the key as a log's: %w", err)
	}
	return vkey, nil
}

// mark names a key in words that give nothing away: its four byte id.
func mark(vkey string) string {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return "?"
	}
	return fmt.Sprintf("%08x", v.KeyHash())
}

func month(from uint32) string {
	if from == 0 {
		return "the first month"
	}
	return strconv.Itoa(int(from/100)) + "-" + fmt.Sprintf("%02d", from%100)
}
