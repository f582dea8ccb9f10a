package staff

import (
	"slices"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// TestDeviceIsBlocked: every session bound to a browser's key ends, whoever's it
// is, and the key lets nobody in until it is restored.
func TestDeviceIsBlocked(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := newBrowser(t)
		from := func(after time.Duration) From {
			return From{Network: home, Agent: "a browser", Request: b.request(t, h.clock.now().Add(after))}
		}
		noor := h.hire(t, "noor", "provider")
		_, bound := h.signIn(t, noor, from(totpPeriod*time.Second))
		_, free := h.signIn(t, noor, From{Network: home})
		if bound.Device == "" || free.Device != "" {
			t.Fatalf("bound to %q and %q", bound.Device, free.Device)
		}
		ended := h.contain(t, func(tx *db.Tx) ([]postern.SessionID, error) { return h.BlockDevice(tx, bound.Device, h.clock.now()) })
		if !slices.Equal(ended, []postern.SessionID{bound.ID}) {
			t.Errorf("ended %v", ended)
		}
		wantKey(t, h.aliveErr(t, bound.ID), KeySessionEnded)
		devices, err := h.DevicesOf(t.Context(), noor.ID)
		if err != nil || len(devices) != 1 || devices[0].Thumbprint != bound.Device || !devices[0].Blocked {
			t.Errorf("its devices are %+v, %v", devices, err)
		}
		h.clock.pass(totpPeriod * time.Second)
		_, _, err = h.SignInPassword(t.Context(), noor.Login, pass, h.code(t, noor), from(0))
		wantKey(t, err, KeyDeviceBlocked)
		if err := h.h.Update(t.Context(), func(tx *db.Tx) error { return h.RestoreDevice(tx, bound.Device) }); err != nil {
			t.Fatal(err)
		}
		if _, s := h.signIn(t, noor, from(totpPeriod*time.Second)); s.Device != bound.Device {
			t.Errorf("let in again with %q", s.Device)
		}
		err = h.h.Update(t.Context(), func(tx *db.Tx) error {
			_, err := h.BlockDevice(tx, "nobody's", h.clock.now())
			return err
		})
		wantKey(t, err, "staff.unknown.subject")
	})
}
