package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// StatementHeader is the first line of a statement. It is never the origin of a log, so that no statement can
// be taken for a checkpoint, though one key signs both.
const StatementHeader = "postern/statement@v1"

// maxStatementName is the longest address in bytes (RFC 5321, 4.5.3.1).
const maxStatementName = 320

// What a statement found.
const (
	FindingNone     = "none"
	FindingAccessed = "accessed"
	FindingErased   = "erased"   // the person's record was erased: nothing can be opened any more
	FindingUnproved = "unproved" // the provider's word alone
)

// Statement is the provider's signed answer to "was it me?". As a note's text, each on a line of its own:
//
//	postern/statement@v1
//	log <origin>
//	account <32 hexadecimal digits>
//	name <the address it was made for, or ->
//	from <ms>
//	until <ms>
//	tier <name>
//	finding <none | accessed | erased | unproved>
//	count <number of accesses>
//	issued <ms>
//	erased <ms, or ->
//	gate <only | ->
//	proof <base64 of NonAccess.ProofHash, or ->
type Statement struct {
	Log         string
	Account     ID
	Name        string
	From, Until uint64 // milliseconds, Until exclusive
	Tier        uint8
	Finding     string
	Count       int
	Issued      uint64
	Erased      uint64 // 0 for "-"
	GateOnly    bool   // the gate is the only way by which staff reach mailboxes
	Proof       []byte // 32 bytes, nil for "-"
}

// Text returns what is signed.
func (s Statement) Text() string {
	dash := func(set bool, v string) string {
		if set {
			return v
		}
		return "-"
	}
	tier := ""
	if s.Tier >= 1 && s.Tier <= Tiers {
		tier = tierNames[s.Tier-1]
	}
	lines := []string{StatementHeader, "log " + s.Log, "account " + hex.EncodeToString(s.Account[:]), "name " + dash(s.Name != "", s.Name),
		"from " + strconv.FormatUint(s.From, 10), "until " + strconv.FormatUint(s.Until, 10), "tier " + tier, "finding " + s.Finding,
		"count " + strconv.Itoa(s.Count), "issued " + strconv.FormatUint(s.Issued, 10), "erased " + dash(s.Erased != 0, strconv.FormatUint(s.Erased, 10)),
		"gate " + dash(s.GateOnly, "only"), "proof " + dash(s.Proof != nil, base64.StdEncoding.EncodeToString(s.Proof))}
	return strings.Join(lines, "\n") + "\n"
}

// ParseStatementText reads the text of a statement, and refuses what [Statement.Text] would not give back.
func ParseStatementText(text string) (Statement, error) {
	r := openFile([]byte(text), StatementHeader, MaxProofFile)
	s := Statement{Log: r.value("log"), Account: r.account(), Name: r.value("name")}
	s.From, s.Until, s.Tier = uint64(r.number("from", maxMS)), uint64(r.number("until", maxMS)), r.tier("tier")
	s.Finding = r.value("finding")
	s.Count, s.Issued = int(r.number("count", MaxAccesses)), uint64(r.number("issued", maxMS))
	if v := r.value("erased"); v != "-" {
		n, err := strconv.ParseUint(v, 10, 64)
		if r.err == nil && (err != nil || n == 0 || n > maxMS || strconv.FormatUint(n, 10) != v) {
			r.fail("erased is no time")
		}
		s.Erased = n
	}
	switch v := r.value("gate"); {
	case v == "only":
		s.GateOnly = true
	case v != "-":
		r.fail("gate is neither only nor -")
	}
	if v := r.value("proof"); v != "-" {
		b, err := decode64(v)
		if r.err == nil && (err != nil || len(b) != sha256.Size) {
			r.fail("proof is not canonical base64 of a hash")
		}
		s.Proof = b
	}
	if r.err == nil && len(r.rest) > 0 {
		r.fail("%d trailing bytes", len(r.rest))
	}
	switch {
	case r.err != nil:
	case s.Log == "" || strings.ContainsFunc(s.Log, badInName):
		r.fail("log is no origin")
	case len(s.Name) > maxStatementName || s.Name == "" || !utf8.ValidString(s.Name) || strings.ContainsFunc(s.Name, unicode.IsControl):
		r.fail("name is no address")
	case s.Finding != FindingNone && s.Finding != FindingAccessed && s.Finding != FindingErased && s.Finding != FindingUnproved:
		r.fail("finding %q is unknown", s.Finding)
	}
	if s.Name == "-" {
		s.Name = ""
	}
	if r.err == nil && s.Text() != text {
		r.fail("not the canonical form")
	}
	return s, r.err
}

// OpenStatement reads a signed statement and checks that a key of the log that it names, which must be one of
// the policy's, has signed it. The error is a [*Refusal].
func (p Policy) OpenStatement(signed []byte) (Statement, error) {
	s, err := p.openStatement(signed)
	if err != nil {
		return Statement{}, err
	}
	return s, nil
}

func (p Policy) openStatement(signed []byte) (Statement, *Refusal) {
	text, _, ok := bytes.Cut(signed, []byte("\n\n"))
	if !ok || len(signed) > MaxCheckpoint {
		return Statement{}, refuse(WhyFormat, "couldn't read the statement: it carries no signature")
	}
	s, err := ParseStatementText(string(text) + "\n")
	if err != nil {
		return Statement{}, refuse(WhyFormat, "couldn't read the statement: %w", err)
	}
	known, no := p.keysOf(s.Log)
	if no != nil {
		return Statement{}, no
	}
	n, err := note.Open(signed, note.VerifierList(known...))
	if err != nil {
		return Statement{}, refuse(WhySignature, "the statement: %w", err)
	}
	if n.Text != s.Text() {
		return Statement{}, refuse(WhyFormat, "the statement's signed text is another")
	}
	for _, sig := range append(n.Sigs, n.UnverifiedSigs...) {
		if _, err := decode64(sig.Base64); err != nil {
			return Statement{}, refuse(WhyFormat, "the signature of %q: %w", sig.Name, err)
		}
	}
	return s, nil
}

// keysOf gives the verifiers of a log that this version can use.
func (p Policy) keysOf(origin string) (known []note.Verifier, no *Refusal) {
	named := false
	for _, k := range p.Logs {
		if k.name != origin {
			continue
		}
		named = true
		if k.verifier != nil {
			known = append(known, k.verifier)
		}
	}
	switch {
	case len(p.Logs) == 0:
		return nil, refuse(WhyPolicy, "the policy names no log")
	case !named:
		return nil, refuse(WhyOrigin, "origin %q", origin)
	case len(known) == 0:
		return nil, refuse(WhyAlgorithm, "the policy has an ML-DSA-44 key alone for %q", origin)
	}
	return known, nil
}

// CheckStatementFile checks a statement that stands alone: that of an erased account, or the provider's word
// without a proof. It is never more than that word.
func CheckStatementFile(file []byte, p Policy) Report {
	r := newReport("statement")
	r.limit("not-round", "not-who", "not-password", "not-before", "not-number")
	if !r.known(file, StatementHeader) {
		return r.done()
	}
	s, no := p.openStatement(file)
	if no != nil {
		return r.refuse(no)
	}
	r.statement(s)
	if s.Proof != nil {
		return r.refuse(refuse(WhyProof, "the statement belongs to a proof, which is not in this file"))
	}
	switch s.Finding {
	case FindingErased:
		if s.Erased == 0 {
			return r.refuse(refuse(WhyFormat, "erased without a time"))
		}
		return r.refuse(refuse(WhyErased, "on %s", stamp(s.Erased)))
	case FindingUnproved:
		return r.refuse(refuse(WhyWord, "no proof comes with it"))
	}
	return r.refuse(refuse(WhyProof, "finding %q without a proof", s.Finding))
}

func (r *Report) statement(s Statement) {
	r.fact("origin", s.Log)
	r.fact("account", hex.EncodeToString(s.Account[:]))
	if s.Name != "" {
		r.fact("name", s.Name)
	}
	r.fact("from", stamp(s.From))
	r.fact("until", stamp(s.Until))
	r.fact("tier", tierNames[s.Tier-1])
	r.fact("issued", stamp(s.Issued))
	if s.GateOnly {
		r.fact("gate", "only")
	}
}
