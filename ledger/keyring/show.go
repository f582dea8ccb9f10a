package keyring

import (
	"context"
	"fmt"

	"github.com/postern-mail/postern"
)

// Shown is one key as people may see it: nothing of it is secret.
type Shown struct {
	Key    string `json:"key"`
	State  string `json:"state"`
	Where  string `json:"where"`
	Public string `json:"public,omitempty"`
}

// Show lists the keys, and checks that they can be opened.
func Show(ctx context.Context, s Source) ([]Shown, error) {
	text, sealed, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if len(text) == 0 {
		return nil, &postern.Error{Kind: postern.NotFound, Text: "there are no keys in " + s.Dir + " yet: postern quickstart makes them"}
	}
	k, err := Load(ctx, s)
	if err != nil {
		return nil, err
	}
	where := "a plain file"
	switch {
	case sealed:
		where = "keys.age, encrypted"
	case len(s.Open) > 0:
		where = "opened by " + s.Open[0]
	}
	log := where
	if k.Signer != nil {
		log = "signs by " + s.Sign[0]
	}
	list := []Shown{{"log", "in use", log, k.LogPublic}}
	for i, vkey := range k.Earlier {
		state, at := "earlier", "public half alone"
		if i < len(k.Retiring) {
			state, at = "signs beside it", where
		}
		list = append(list, Shown{"log", state, at, vkey})
	}
	from := uint32(0)
	for i := range len(k.VRFLater) + 1 {
		if i > 0 {
			from = k.VRFLater[i-1].From
		}
		list = append(list, Shown{"vrf", "from " + month(from), where, ""})
	}
	return append(list, Shown{"receipt", fmt.Sprintf("in use (%x)", k.ReceiptPublic()[:4]), where, ""}, Shown{"wrap", "in use", where, ""}), nil
}
