package staff

import (
	"testing"
	"time"

	"github.com/postern-mail/postern/db"
)

// standing reads a session as the gate does.
func (h *house) standing(t testing.TB, s Session) (got Session) {
	t.Helper()
	err := h.h.View(t.Context(), func(tx *db.Tx) (err error) {
		got, err = h.Alive(tx, s.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestProvePassword(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		noor, bo := h.hire(t, "noor", "provider"), h.hire(t, "bo", "provider")
		_, s := h.signIn(t, noor, From{Network: home})
		if !s.Proved.Equal(s.Created) {
			t.Errorf("proved at %v, signed in at %v", s.Proved, s.Created)
		}
		h.clock.pass(20 * time.Minute)
		wantKey(t, h.ProvePassword(t.Context(), s, pass, h.code(t, bo), From{Network: home}), KeyWrong)
		wantKey(t, h.ProvePassword(t.Context(), s, "another phrase", h.code(t, noor), From{Network: home}), KeyWrong)
		if got := h.standing(t, s); !got.Proved.Equal(s.Created) {
			t.Errorf("a refusal proves something: %v", got.Proved)
		}
		code := h.code(t, noor)
		if err := h.ProvePassword(t.Context(), s, pass, code, From{Network: home}); err != nil {
			t.Fatal(err)
		}
		if got := h.standing(t, s); !got.Proved.Equal(h.clock.now()) {
			t.Errorf("proved at %v, want %v", got.Proved, h.clock.now())
		}
		wantKey(t, h.ProvePassword(t.Context(), s, pass, code, From{Network: home}), KeyWrong) // a code counts once
		if all := h.results(t, s); len(all) != 4 || all[2] != resultProved || all[3] != resultReplayed {
			t.Errorf("the feed says %v", all)
		}
		if err := h.End(t.Context(), s.ID); err != nil {
			t.Fatal(err)
		}
		h.clock.pass(time.Minute)
		wantKey(t, h.ProvePassword(t.Context(), s, pass, h.code(t, noor), From{Network: home}), KeySessionEnded)
	})
}

func TestProvePasskey(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		mine, theirs := &authenticator{}, &authenticator{}
		h.register(t, "noor", mine)
		h.register(t, "bo", theirs)
		from := From{Network: home}
		_, s, err := h.login(t, mine, from)
		if err != nil {
			t.Fatal(err)
		}
		_, other, err := h.login(t, theirs, from)
		if err != nil {
			t.Fatal(err)
		}
		h.clock.pass(20 * time.Minute)
		begin := func(s Session) (options []byte, state string) {
			options, state, err := h.BeginProof(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			return options, state
		}
		options, state := begin(s)
		wantKey(t, h.FinishProof(t.Context(), s, state, theirs.get(t, options), from), KeyPasskey)
		options, state = begin(s)
		answer := mine.get(t, options)
		wantKey(t, h.FinishProof(t.Context(), other, state, answer, from), "staff.invalid.ceremony")
		if _, _, err := h.FinishLogin(t.Context(), state, answer, from); err == nil {
			t.Error("a proof's ceremony signs in")
		}
		if err := h.FinishProof(t.Context(), s, state, answer, from); err != nil {
			t.Fatal(err)
		}
		if got := h.standing(t, s); !got.Proved.Equal(h.clock.now()) {
			t.Errorf("proved at %v, want %v", got.Proved, h.clock.now())
		}
		if got := h.standing(t, other); !got.Proved.Equal(other.Created) {
			t.Errorf("another session is proved at %v", got.Proved)
		}
		if err := h.FinishProof(t.Context(), s, state, answer, from); err == nil {
			t.Error("an answer is taken twice")
		}
	})
}
