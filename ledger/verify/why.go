package verify

import (
	"fmt"

	"github.com/postern-mail/postern/ledger/verify/wording"
)

// Verdict is what a check came to. Its number is the exit status of `postern verify`.
type Verdict int

// The verdicts. CannotTell is for what this version or this policy cannot judge; it says nothing against
// the log.
const (
	Verified   Verdict = 0
	Refuted    Verdict = 1
	CannotTell Verdict = 2
)

// String returns the verdict as a word for machines.
func (v Verdict) String() string {
	switch v {
	case Verified:
		return "verified"
	case Refuted:
		return "refuted"
	default:
		return "cannot tell"
	}
}

// MarshalText gives a verdict its word in JSON.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Why is the reason that something was not verified.
type Why string

// The reasons. The second half lead to [CannotTell], the others to [Refuted].
const (
	WhyFormat      Why = "format"      // the file says what it is and then breaks its own format
	WhyOrigin      Why = "origin"      // the checkpoint is another log's
	WhySignature   Why = "signature"   // no valid signature by a key of the policy
	WhyInclusion   Why = "inclusion"   // the leaf is not in the tree at that index
	WhyConsistency Why = "consistency" // the newer tree does not contain the older one
	WhyRollback    Why = "rollback"    // the checkpoint that should be newer is smaller
	WhyFork        Why = "fork"        // one size, two roots
	WhyRecord      Why = "record"      // the opened record is not one
	WhyTag         Why = "tag"         // the VRF proof does not hold for this account, tier and number
	WhySeries      Why = "series"      // the record lies outside the month whose key is shown

	WhyWitness   Why = "witness"   // fewer witnesses than the policy asks for
	WhyWindow    Why = "window"    // the streams are not those of the window
	WhyStatement Why = "statement" // the signed statement says something else than the proof
	WhyEpoch     Why = "epoch"     // the epoch leaf is none, or too old for the window
	WhyMap       Why = "map"       // a map proof does not lead to the epoch's root
	WhyPlace     Why = "place"     // a disclosure does not stand where the proof says
	WhyAccessed  Why = "accessed"  // the proof holds, and shows an access
	WhyProof     Why = "proof"     // a statement without the proof that it speaks of

	WhyEdge        Why = "edge"         // an access within the merge delay of the window
	WhyUnwitnessed Why = "unwitnessed"  // no witness says when
	WhyErased      Why = "erased"       // the person's record was erased
	WhyWord        Why = "word"         // the provider's word alone
	WhyUnknownFile Why = "unknown-file" // not a file of a kind that this version knows
	WhyPolicy      Why = "policy"       // the policy names no key, or asks for what this version lacks
	WhyAlgorithm   Why = "algorithm"    // signed with an algorithm that this version cannot check
)

func (w Why) verdict() Verdict {
	switch w {
	case WhyUnknownFile, WhyPolicy, WhyAlgorithm, WhyEdge, WhyUnwitnessed, WhyErased, WhyWord:
		return CannotTell
	}
	return Refuted
}

// Refusal is the error of every check in this package: why, and for specialists the detail.
type Refusal struct {
	Why Why
	Err error
}

// Error returns the reason in English with its detail.
func (r *Refusal) Error() string {
	return fmt.Sprintf("%s: %v", wording.Say("en", "why."+string(r.Why)), r.Err)
}

// Unwrap returns the detail.
func (r *Refusal) Unwrap() error { return r.Err }

// Verdict returns what the refusal means for the whole check.
func (r *Refusal) Verdict() Verdict { return r.Why.verdict() }

func refuse(w Why, format string, args ...any) *Refusal {
	return &Refusal{Why: w, Err: fmt.Errorf(format, args...)}
}
