package account

import (
	"crypto/sha256"
	"errors"
	"time"

	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/password"
)

// How many failures in a row are free, by what is counted. The count by address
// alone is set aside for a network in which the customer has signed in before:
// strangers can slow each other down, not lock the owner out.
const (
	freeHere    = 10  // one address from one network
	freeAddress = 30  // one address from anywhere
	freeNetwork = 200 // one network, whatever the address
)

// counts are the three subjects that a failure counts against.
type counts struct{ here, address, network []byte }

func countsOf(address string, from From) counts {
	key := func(parts ...string) []byte {
		h := sha256.New()
		for _, p := range parts {
			// No address or network holds a NUL: two lists never run together.
			h.Write([]byte(p))
			h.Write([]byte{0})
		}
		return h.Sum(nil)
	}
	return counts{key("here", address, from.Network), key("address", address), key("network", from.Network)}
}

// wait says how long the next attempt must wait, from now.
func (a *Accounts) wait(tx *db.Tx, c counts, knownNetwork bool) (time.Duration, error) {
	var longest time.Duration
	now := a.now()
	for _, s := range []struct {
		subject []byte
		free    int
		skip    bool
	}{{c.here, freeHere, false}, {c.address, freeAddress, knownNetwork}, {c.network, freeNetwork, false}} {
		if s.skip {
			continue
		}
		var failures int
		var last int64
		err := tx.Row("SELECT failures, last FROM account_failure WHERE subject = ?1", db.Args(s.subject), &failures, &last)
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
func (a *Accounts) failed(tx *db.Tx, c counts) error {
	now := millis(a.now())
	forget := now - password.Forget.Milliseconds()
	if _, err := tx.Exec("DELETE FROM account_failure WHERE last < ?1", forget); err != nil {
		return err
	}
	for _, subject := range [][]byte{c.here, c.address, c.network} {
		if _, err := tx.Exec(`INSERT INTO account_failure (subject, failures, last) VALUES (?1, 1, ?2)
			ON CONFLICT (subject) DO UPDATE SET failures = account_failure.failures + 1, last = excluded.last`, subject, now); err != nil {
			return err
		}
	}
	return nil
}

// succeeded forgets this network's failures with this address. The address's own
// count stays: it may be a stranger's.
func (a *Accounts) succeeded(tx *db.Tx, c counts) error {
	_, err := tx.Exec("DELETE FROM account_failure WHERE subject = ?1", c.here)
	return err
}
