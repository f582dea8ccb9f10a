package verify

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Limits of what is read.
const (
	// MaxCheckpoint is the largest checkpoint in bytes: room for 16 signatures of the largest kind.
	MaxCheckpoint = 64 << 10
	// MaxSize bounds the tree size. Beyond it the tree arithmetic of package tlog does not end.
	MaxSize = 1<<62 - 1
)

// Checkpoint is the head of the log at one size (c2sp.org/tlog-checkpoint), without its signatures.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
}

// emptyRoot is the hash of the tree without leaves (RFC 6962, 2.1): SHA-256 of nothing.
var emptyRoot, _ = tlog.TreeHash(0, nil)

// Body returns the text that is signed.
func (c Checkpoint) Body() string {
	return string(log.Checkpoint{Origin: c.Origin, Size: uint64(c.Size), Hash: c.Root[:]}.Marshal())
}

// ParseBody reads the text of a checkpoint and refuses anything that [Checkpoint.Body] would not give back.
// Extension lines are refused too: this log says everything in leaves.
func ParseBody(body string) (Checkpoint, error) {
	var c log.Checkpoint
	rest, err := c.Unmarshal([]byte(body))
	switch {
	case err != nil:
		return Checkpoint{}, fmt.Errorf("%w: %w", errMalformed, err)
	case len(rest) > 0:
		return Checkpoint{}, fmt.Errorf("%w: the checkpoint has extension lines", errMalformed)
	case len(c.Hash) != tlog.HashSize:
		return Checkpoint{}, fmt.Errorf("%w: a root of %d bytes", errMalformed, len(c.Hash))
	case c.Size > MaxSize:
		return Checkpoint{}, fmt.Errorf("%w: a size of %d", errMalformed, c.Size)
	case string(c.Marshal()) != body:
		return Checkpoint{}, fmt.Errorf("%w: the checkpoint's size or root is not in canonical form", errMalformed)
	}
	out := Checkpoint{Origin: c.Origin, Size: int64(c.Size), Root: tlog.Hash(c.Hash)}
	if out.Size == 0 && out.Root != emptyRoot {
		return Checkpoint{}, fmt.Errorf("%w: the empty tree has another root", errMalformed)
	}
	return out, nil
}

// Open reads a signed checkpoint and checks it against the policy. The error is a [*Refusal].
func (p Policy) Open(signed []byte) (Checkpoint, error) {
	c, err := p.open(signed)
	if err != nil {
		return Checkpoint{}, err
	}
	return c, nil
}

func (p Policy) open(signed []byte) (Checkpoint, *Refusal) {
	c, sigs, err := splitCheckpoint(signed)
	if err != nil {
		return Checkpoint{}, refuse(WhyFormat, "couldn't read checkpoint: %w", err)
	}
	if len(p.Logs) == 0 {
		return Checkpoint{}, refuse(WhyPolicy, "the policy names no log")
	}
	var known []note.Verifier
	named, unsupported := false, false
	for _, k := range p.Logs {
		if k.name != c.Origin {
			continue
		}
		named = true
		if k.verifier != nil {
			known = append(known, k.verifier)
		} else if sigs[signer{k.name, k.id}] {
			unsupported = true
		}
	}
	if !named {
		return Checkpoint{}, refuse(WhyOrigin, "origin %q", c.Origin)
	}
	_, err = note.Open(signed, note.VerifierList(known...))
	var unverified *note.UnverifiedNoteError
	switch {
	case errors.As(err, &unverified) && unsupported:
		return Checkpoint{}, refuse(WhyAlgorithm, "the only signature by a key of the policy is ML-DSA-44")
	case errors.As(err, &unverified):
		return Checkpoint{}, refuse(WhySignature, "none by a log key of the policy")
	case err != nil:
		return Checkpoint{}, refuse(WhySignature, "%w", err)
	}
	return c, nil
}

// signer is what a signature line says of its key.
type signer struct {
	name string
	id   uint32
}

// splitCheckpoint reads a checkpoint without believing it, and lists the signature lines. It is stricter
// than [note.Open] in one thing: base64 must be canonical everywhere, so that one checkpoint has one spelling.
func splitCheckpoint(signed []byte) (Checkpoint, map[signer]bool, error) {
	if len(signed) > MaxCheckpoint {
		return Checkpoint{}, nil, fmt.Errorf("%w: longer than %d bytes", errMalformed, MaxCheckpoint)
	}
	// Open with no known key parses everything and then reports that nothing was verified.
	var unverified *note.UnverifiedNoteError
	if _, err := note.Open(signed, note.VerifierList()); !errors.As(err, &unverified) {
		return Checkpoint{}, nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	c, err := ParseBody(unverified.Note.Text)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	sigs := map[signer]bool{}
	for _, s := range unverified.Note.UnverifiedSigs {
		if _, err := decode64(s.Base64); err != nil {
			return Checkpoint{}, nil, fmt.Errorf("the signature of %q: %w", s.Name, err)
		}
		sigs[signer{s.Name, s.Hash}] = true
	}
	return c, sigs, nil
}

// cutCheckpoint takes a checkpoint from the front of a text: everything through the last of the signature
// lines that follow its first empty line.
func cutCheckpoint(text []byte) (signed, rest []byte, ok bool) {
	body := bytes.Index(text, []byte("\n\n"))
	if body < 0 {
		return nil, nil, false
	}
	end := body + 2
	for strings.HasPrefix(string(text[end:min(len(text), end+4)]), "— ") {
		n := bytes.IndexByte(text[end:], '\n')
		if n < 0 {
			return nil, nil, false
		}
		end += n + 1
	}
	return text[:end], text[end:], end > body+2
}
