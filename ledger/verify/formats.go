package verify

import (
	"github.com/postern-mail/postern/ledger/verify/tagmap"
	"github.com/postern-mail/postern/ledger/verify/wire"
)

// ID is an identifier of 16 bytes: of a disclosure, a grant, a session, a message, or a pseudonym of a person.
type ID [16]byte

// errMalformed is what every departure from a binary format wraps.
var errMalformed = wire.ErrMalformed

// The map from tag to log index; see package tagmap.
type (
	Map      = tagmap.Map
	Entry    = tagmap.Entry
	MapProof = tagmap.Proof
)

// Errors of the map.
var (
	ErrDuplicateTag = tagmap.ErrDuplicateTag
	ErrMapProof     = tagmap.ErrProof
)

// ParseMapProof reads a map proof, and refuses bytes that its Marshal would not give back.
func ParseMapProof(b []byte) (MapProof, error) { return tagmap.ParseProof(b) }
