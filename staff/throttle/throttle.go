// Package throttle makes whoever guesses at sign-ins wait.
//
// It keeps staff_failure: failures in a row, by the hashes of what they are
// counted for.
//
// Trust: it sees logins and networks, and keeps only their hashes. Strangers can
// slow each other down with it, not lock an owner out.
package throttle

import (
	"crypto/sha256"
	"errors"
	"time"

	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/password"
)

// How many failures in a row are free, by what is counted. The count by login
// alone is set aside for a network in which the member has signed in before.
const (
	FreeHere    = 5  // one login from one network
	FreeLogin   = 30 // one login from anywhere
	FreeNetwork = 60 // one network, whatever the login
)

// Counts are the three subjects that a failure counts against.
type Counts struct{ here, login, network []byte }

// Of gives the counts of an attempt.
func Of(login, network string) Counts {
	key := func(parts ...string) []byte {
		h := sha256.New()
		for _, p := range parts {
			// No login or network holds a NUL: two lists never run together.
			h.Write([]byte(p))
			h.Write([]byte{0})
		}
		return h.Sum(nil)
	}
	return Counts{key("here", login, network), key("login", login), key("network", network)}
}

// Wait says how long the next attempt must wait, from now.
func (c Counts) Wait(tx *db.Tx, now time.Time, knownNetwork bool) (time.Duration, error) {
	var longest time.Duration
	for _, s := range []struct {
		subject []byte
		free    int
		skip    bool
	}{{c.here, FreeHere, false}, {c.login, FreeLogin, knownNetwork}, {c.network, FreeNetwork, false}} {
		if s.skip {
			continue
		}
		var failures int
		var last int64
		err := tx.Row("SELECT failures, last FROM staff_failure WHERE subject = ?1", db.Args(s.subject), &failures, &last)
		if errors.Is(err, db.ErrNoRows) {
			continue
		}
		if err != nil {
			return 0, err
		}
		since := now.Sub(db.Moment(last))
		if since < password.Forget {
			longest = max(longest, password.Wait(failures, s.free)-since)
		}
	}
	return longest, nil
}

// Failed counts a failure.
func (c Counts) Failed(tx *db.Tx, now time.Time) error {
	at := db.Millis(now)
	if _, err := tx.Exec("DELETE FROM staff_failure WHERE last < ?1", at-password.Forget.Milliseconds()); err != nil {
		return err
	}
	for _, subject := range [][]byte{c.here, c.login, c.network} {
		if _, err := tx.Exec(`INSERT INTO staff_failure (subject, failures, last) VALUES (?1, 1, ?2)
			ON CONFLICT (subject) DO UPDATE SET failures = staff_failure.failures + 1, last = excluded.last`, subject, at); err != nil {
			return err
		}
	}
	return nil
}

// Succeeded forgets this network's failures with this login. The login's own
// count stays: it may be a stranger's.
func (c Counts) Succeeded(tx *db.Tx) error {
	_, err := tx.Exec("DELETE FROM staff_failure WHERE subject = ?1", c.here)
	return err
}
