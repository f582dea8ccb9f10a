package staff

import (
	"crypto/sha256"
	"errors"
	"time"

	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/password"
)

// How many failures in a row are free, by what is counted. The count by login
// alone is set aside for a network in which the member has signed in before:
// strangers can slow each other down, not lock the owner out.
const (
	freeHere    = 5  // one login from one network
	freeLogin   = 30 // one login from anywhere
	freeNetwork = 60 // one network, whatever the login
)

// counts are the three subjects that a failure counts against.
type counts struct{ here, login, network []byte }

func countsOf(login string, from From) counts {
	key := func(parts ...string) []byte {
		h := sha256.New()
		for _, p := range parts {
			// No login or network holds a NUL: two lists never run together.
			h.Write([]byte(p))
			h.Write([]byte{0})
		}
		return h.Sum(nil)
	}
	return counts{key("here", login, from.Network), key("login", login), key("network", from.Network)}
}

// wait says how long the next attempt must wait, from now.
func (d *Directory) wait(tx *db.Tx, c counts, knownNetwork bool) (time.Duration, error) {
	var longest time.Duration
	now := d.now()
	for _, s := range []struct {
		subject []byte
		free    int
		skip    bool
	}{{c.here, freeHere, false}, {c.login, freeLogin, knownNetwork}, {c.network, freeNetwork, false}} {
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
		since := now.Sub(moment(last))
		if since < password.Forget {
			longest = max(longest, password.Wait(failures, s.free)-since)
		}
	}
	return longest, nil
}

// failed counts a failure.
func (d *Directory) failed(tx *db.Tx, c counts) error {
	now := millis(d.now())
	forget := now - password.Forget.Milliseconds()
	if _, err := tx.Exec("DELETE FROM staff_failure WHERE last < ?1", forget); err != nil {
		return err
	}
	for _, subject := range [][]byte{c.here, c.login, c.network} {
		if _, err := tx.Exec(`INSERT INTO staff_failure (subject, failures, last) VALUES (?1, 1, ?2)
			ON CONFLICT (subject) DO UPDATE SET failures = staff_failure.failures + 1, last = excluded.last`, subject, now); err != nil {
			return err
		}
	}
	return nil
}

// succeeded forgets this network's failures with this login. The login's own
// count stays: it may be a stranger's.
func (d *Directory) succeeded(tx *db.Tx, c counts) error {
	_, err := tx.Exec("DELETE FROM staff_failure WHERE subject = ?1", c.here)
	return err
}
