package drill

import (
	"regexp"

	"github.com/postern-mail/postern"
)

// Every invented message carries two marks that nothing else carries: one in
// its subject, one in its body. The thief finds them in the bytes it receives,
// whatever the page around them claims, and so knows what it has seen without
// believing the server.
var marks = regexp.MustCompile(`\b(SU|BO)-([0-9a-f]{12})\b`)

// seen is one thing that somebody has seen: a message at a tier.
type seen struct {
	account postern.AccountID
	message postern.MessageID
	tier    postern.Tier // TierEnvelope or TierContent, the deepest
}

// record is the thief's own.
type record struct {
	world    *world
	received map[postern.MessageID]seen
	attempts int
	refused  int
	bytes    int64
}

// take reads an answer and says how many marks in it were new.
func (r *record) take(body []byte) (fresh int) {
	r.bytes += int64(len(body))
	for _, m := range marks.FindAllSubmatch(body, -1) {
		l, ok := r.world.marked[string(m[2])]
		if !ok {
			continue
		}
		tier := postern.TierEnvelope
		if string(m[1]) == "BO" {
			tier = postern.TierContent
		}
		if had, ok := r.received[l.id]; !ok || had.tier < tier {
			r.received[l.id] = seen{l.account.id, l.id, tier}
			fresh++
		}
	}
	return fresh
}

// counts are accounts by what was seen of them.
func counts(all map[postern.MessageID]seen) (envelope, content, messages int) {
	deepest := map[postern.AccountID]postern.Tier{}
	for _, s := range all {
		deepest[s.account] = max(deepest[s.account], s.tier)
		if s.tier >= postern.TierContent {
			messages++
		}
	}
	for _, t := range deepest {
		envelope++
		if t >= postern.TierContent {
			content++
		}
	}
	return envelope, content, messages
}
