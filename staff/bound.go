package staff

import (
	"context"
	"errors"
	"slices"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/staff/device"
)

// The keys of refusals that have to do with a browser's key.
const (
	// KeyDevice: the session is bound to a browser's key, and the request was
	// not signed by it.
	KeyDevice = "staff.refused.device"
	// KeyDeviceRequired: the organisation lets nobody in whose browser has no
	// key, which is one without scripts.
	KeyDeviceRequired = "staff.refused.device-required"
	// KeyDeviceProof: a sign-in carried a proof that does not count.
	KeyDeviceProof = "staff.refused.device-proof"
)

var errDevice = denied(KeyDevice, "the request was not signed by the browser that the session belongs to")

// proven takes the proof that came with a sign-in, once.
func (d *Directory) proven(from From) (From, error) {
	from = from.bounded()
	if from.key != "" || from.Request.Proof == "" {
		return from, nil
	}
	p, err := device.Check(from.Request, "", d.now())
	if err != nil {
		return from, &postern.Error{Kind: postern.Denied, Key: KeyDeviceProof, Text: "the proof of the browser's key does not count", Err: err}
	}
	from.key, from.Request = p.Thumbprint, device.Request{}
	return from, nil
}

// signed lets a request of a bound session through that its key has signed, and
// writes down every other, once a minute at most.
func (d *Directory) signed(ctx context.Context, s Session, token string, from From) error {
	p, err := device.Check(from.Request, token, d.now())
	if err == nil && device.Same(p.Thumbprint, s.Device) && d.spent.Spend(p, d.now()) {
		return nil
	}
	result := resultDevice
	// Somebody reloads a page past the worker that signs, or has set the
	// clock: it happens to honest people, in the browser they signed in with.
	// A copied cookie can look the same, and is refused the same.
	if from.Network == s.Network && from.Agent == s.Agent && (from.Request.Proof == "" || errors.Is(err, device.ErrStale) && device.Same(p.Thumbprint, s.Device)) {
		result = resultMissing
	}
	return errors.Join(errDevice, d.db.Update(ctx, func(tx *db.Tx) error {
		now := d.now()
		// The column holds the time, and odd what was written: what is graver
		// is written whatever came before.
		last := millis(now)&^1 | bit(result == resultDevice)
		n, err := tx.Exec("UPDATE staff_session SET device_refused = ?2 WHERE id = ?1 AND (device_refused <= ?3 OR ?4 = 1 AND device_refused % 2 = 0)",
			s.ID, last, millis(now.Add(-touchEvery)), bit(result == resultDevice))
		if err != nil || n == 0 {
			return err
		}
		return d.event(tx, Event{At: now, Staff: s.Staff, Organisation: s.Organisation, Credential: s.Credential, Session: s.ID,
			Network: from.Network, Agent: from.Agent, Method: methodSession, Result: result})
	}))
}

// Stale says whether a refusal is one that another time in the proof would have
// mended: the browser asks for ours, and tries once more.
func Stale(err error) bool { return errors.Is(err, device.ErrStale) }

// keeps is what an organisation keeps its sessions to, as [Directory.Alive]
// reads it.
type keeps struct {
	kind                    string // of the credential
	hours, networks, device string // the organisation's
	passkeyOnly             int64
	used                    string // the networks the session was used from
	nowhere                 int64  // whether one of them is unknown
}

// The keys of refusals by what an organisation keeps its members to.
const (
	KeyHours       = "staff.refused.hours"
	KeyNetwork     = "staff.refused.network"
	KeyPasskeyOnly = "staff.refused.passkey-only"
)

// kept says whether a session keeps to what its organisation demands.
func (d *Directory) kept(s Session, k keeps) error {
	now := d.now()
	if !s.Shift.IsZero() && !now.Before(s.Shift) {
		return denied(KeyHours, "the shift is over")
	}
	if k.hours != "" && works(s.Scopes) {
		h, err := d.hoursOf(k.hours)
		if err != nil {
			return err
		}
		if _, open := h.Open(now); !open {
			return denied(KeyHours, "the organisation's desk is closed at this hour")
		}
	}
	if k.networks != "" && (k.nowhere > 0 || !allWithin(k.used, k.networks)) {
		return denied(KeyNetwork, "the session was used from outside the organisation's networks")
	}
	if s.Scopes != nil {
		return nil // a token has no browser
	}
	if k.passkeyOnly == 1 && k.kind == methodPassword {
		return denied(KeyPasskeyOnly, "the organisation takes passkeys alone")
	}
	if k.device == DeviceRequired && s.Device == "" {
		return denied(KeyDeviceRequired, "the organisation takes sessions alone that are bound to a browser's key")
	}
	return nil
}

// works says whether hours are for a session: a person's, or a token's that may
// reach customers. A directory that takes a leaver's access away does so at
// night too.
func works(scopes []string) bool {
	if scopes == nil {
		return true
	}
	return slices.ContainsFunc(scopes, func(s string) bool {
		return s != ScopeSCIM && s != ScopeLedgerRead && s != ScopeResponseRead && s != ScopeResponseContain
	})
}
