package codec_test

import (
	"testing"

	"github.com/postern-mail/postern/mail/internal/codec"
)

func TestBaseSubject(t *testing.T) {
	for in, want := range map[string]struct {
		base  string
		reply bool
	}{
		"Plans": {"plans", false}, "Re: Plans": {"plans", true}, "RE[2]: [list]  Re: Plans": {"plans", true}, "Fwd: Plans": {"plans", false},
		"AW: WG: Plans": {"plans", true}, "Note: this": {"note: this", false}, "Re:": {"", true}, "[only]": {"[only]", false}, "": {"", false},
	} {
		if base, reply := codec.BaseSubject(in); base != want.base || reply != want.reply {
			t.Errorf("%q: %q %v", in, base, reply)
		}
	}
}
