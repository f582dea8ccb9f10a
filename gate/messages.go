package gate

import (
	"encoding/hex"
	"slices"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
)

// MaxMessages bounds what one request, grant or reveal names, so that whoever
// agrees can look at each and the ledger lists each.
const MaxMessages = ledger.MaxMessages

// pack writes message ids as the tables keep them, 16 bytes each.
func pack(ids []postern.MessageID) ([]byte, error) {
	b := make([]byte, 0, 16*len(ids))
	for _, id := range ids {
		if len(id) != 32 {
			return nil, errMessageID
		}
		var err error
		if b, err = hex.AppendDecode(b, []byte(id)); err != nil {
			return nil, errMessageID
		}
	}
	return b, nil
}

var errMessageID = &postern.Error{Kind: postern.Invalid, Key: "gate.invalid.message", Text: "a message's id has 32 hexadecimal digits"}

// unpack is the inverse of pack.
func unpack(b []byte) []postern.MessageID {
	if len(b) < 16 {
		return nil
	}
	ids := make([]postern.MessageID, 0, len(b)/16)
	for ; len(b) >= 16; b = b[16:] {
		ids = append(ids, postern.MessageID(hex.EncodeToString(b[:16])))
	}
	return ids
}

// within says that every id of some is one of all.
func within(some, all []postern.MessageID) bool {
	if len(some) > len(all) {
		// Repetitions aside there are more than can be in all; a list with
		// repetitions has no business here.
		return false
	}
	if len(some)*len(all) <= 64 {
		for _, id := range some {
			if !slices.Contains(all, id) {
				return false
			}
		}
		return true
	}
	set := make(map[postern.MessageID]struct{}, len(all))
	for _, id := range all {
		set[id] = struct{}{}
	}
	for _, id := range some {
		if _, ok := set[id]; !ok {
			return false
		}
	}
	return true
}

// distinct says that no id stands twice.
func distinct(ids []postern.MessageID) bool {
	if len(ids) < 2 {
		return true
	}
	sorted := slices.Clone(ids)
	slices.Sort(sorted)
	return len(slices.Compact(sorted)) == len(ids)
}
