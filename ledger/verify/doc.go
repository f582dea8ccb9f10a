// Package verify is the auditor's half of the ledger: it defines every format that the ledger publishes, and
// checks them. Whoever distrusts the provider reads this package and no other; the ledger itself imports it
// to encode, so that each format is written down once.
//
// The formats, each documented at its type:
//
//   - leaves of the log, 66 bytes: [DisclosureLeaf], [EpochLeaf], [SeriesLeaf], [ControlLeaf];
//   - records that a leaf commits to: [Disclosure], [Control], opened with a salt by [Commitment];
//   - tags, the outputs of a verifiable random function: [Alpha], [VerifyTag];
//   - the map from tag to log index: [Map], [MapProof];
//   - checkpoints as in c2sp.org/tlog-checkpoint: [Checkpoint], and whom to believe: [Policy];
//   - proof files that a person can keep: [InclusionProof], [ConsistencyProof], [RecordProof], [NonAccess];
//   - what the provider signs of them: [Statement].
//
// The log is the Merkle tree of RFC 6962, 2.1, computed by golang.org/x/mod/sumdb/tlog.
//
// What it keeps: nothing. Every function works on bytes in memory; none opens a file, a socket or a clock.
//
// Trust: it handles bytes from strangers (checkpoints, proofs, leaves) and, in a record proof, one opened
// record that its holder chose to show. It never handles a private key other than the one a [Prover] was made
// from, and it must never import anything of the provider's: not the database, not the gate, not even the
// product's vocabulary. A verdict is [Verified] only when every check of the format passed; what cannot be
// checked by this version is [CannotTell], never a silent pass.
package verify
