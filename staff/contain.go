package staff

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// The endings of access. Each runs inside the gate's transaction, which holds
// the lock "containment" alone, so that what it ends has made its last reveal;
// each gives the sessions that counted until now, for cutting what they still
// have open. To end what has ended is no error.

// madeBy selects the sessions of a credential, and those of the API tokens that
// were made with it.
const madeBy = "(credential = ?1 OR id IN (SELECT session FROM staff_token WHERE made_with = ?1))"

// EndCredential ends a way in and every session made with it, API tokens' too.
func (d *Directory) EndCredential(tx *db.Tx, id postern.CredentialID, at time.Time) ([]postern.SessionID, error) {
	if err := d.mark(tx, "UPDATE staff_credential SET ended_at = COALESCE(ended_at, ?2) WHERE id = ?1", id, at); err != nil {
		return nil, err
	}
	if err := d.endTokensMadeWith(tx, id, millis(at)); err != nil {
		return nil, err
	}
	return d.endSessions(tx, madeBy, string(id), at)
}

// EndSessionTx ends one session.
func (d *Directory) EndSessionTx(tx *db.Tx, id postern.SessionID, at time.Time) ([]postern.SessionID, error) {
	var one int
	if err := tx.Row("SELECT 1 FROM staff_session WHERE id = ?1", db.Args(id), &one); err != nil {
		return nil, orUnknown(err)
	}
	return d.endSessions(tx, "id = ?1", string(id), at)
}

// SuspendOrganisation ends every session of its members, and lets none begin.
func (d *Directory) SuspendOrganisation(tx *db.Tx, id postern.OrganisationID, at time.Time) ([]postern.SessionID, error) {
	if err := d.mark(tx, "UPDATE staff_organisation SET suspended_at = COALESCE(suspended_at, ?2) WHERE id = ?1", id, at); err != nil {
		return nil, err
	}
	return d.endSessions(tx, "organisation = ?1", string(id), at)
}

// usedIn selects the sessions that were used from a network.
const usedIn = "id IN (SELECT session FROM staff_session_network WHERE network = ?1)"

// NetworksOf gives the networks that a session was used from, its own among them;
// "" is one that is not known.
func (d *Directory) NetworksOf(tx *db.Tx, id postern.SessionID) (all []string, err error) {
	err = tx.Rows("SELECT network FROM staff_session_network WHERE session = ?1", db.Args(string(id)), func(row db.Scanner) error {
		var n string
		err := row.Scan(&n)
		all = append(all, n)
		return err
	})
	return all, err
}

// BlockNetwork ends every session that was used from it, and lets none begin.
// The network is written as [Network] writes it; anything else is Invalid.
func (d *Directory) BlockNetwork(tx *db.Tx, network string, at time.Time) ([]postern.SessionID, error) {
	if _, err := parseNetwork(network); err != nil {
		return nil, err
	}
	if _, err := tx.Exec("INSERT INTO staff_network_block (network, at) VALUES (?1, ?2) ON CONFLICT (network) DO NOTHING", network, millis(at)); err != nil {
		return nil, err
	}
	return d.endSessions(tx, usedIn, network, at)
}

// BlockDevice ends every session that is bound to a browser's key, by its
// thumbprint, and lets none begin.
func (d *Directory) BlockDevice(tx *db.Tx, thumbprint string, at time.Time) ([]postern.SessionID, error) {
	var one int
	if err := tx.Row("SELECT 1 FROM staff_session WHERE device = ?1 LIMIT 1", db.Args(thumbprint), &one); err != nil {
		return nil, orUnknown(err)
	}
	if _, err := tx.Exec("INSERT INTO staff_device_block (device, at) VALUES (?1, ?2) ON CONFLICT (device) DO NOTHING", thumbprint, millis(at)); err != nil {
		return nil, err
	}
	return d.endSessions(tx, boundTo, thumbprint, at)
}

// boundTo selects the sessions that are bound to a browser's key.
const boundTo = "device <> '' AND device = ?1"

// AllSupport is the subject that names every session whose member works cases
// and has no role that sees or ends what is of every organisation.
const AllSupport = "all"

// ofSupport selects them: responders have to go on.
const ofSupport = "?1 = '" + AllSupport + "' AND staff IN (SELECT id FROM staff_member WHERE roles NOT LIKE '%responder%' AND roles NOT LIKE '%auditor%' AND roles NOT LIKE '%admin%')"

// EndSupport ends every session of support. Signing in again is for the gate to
// make useless.
func (d *Directory) EndSupport(tx *db.Tx, at time.Time) ([]postern.SessionID, error) {
	return d.endSessions(tx, ofSupport, AllSupport, at)
}

// Device is a browser's key that a member's sessions were bound to.
type Device struct {
	Thumbprint string
	Last       time.Time // when a session bound to it was last used
	Sessions   int
	Blocked    bool
}

// DevicesOf lists a member's browsers' keys, the latest first, at most 20.
func (d *Directory) DevicesOf(ctx context.Context, id postern.StaffID) (all []Device, err error) {
	err = d.db.View(ctx, func(tx *db.Tx) error {
		all = nil
		return tx.Rows(`SELECT s.device, max(s.seen), count(*), (SELECT count(*) FROM staff_device_block b WHERE b.device = s.device)
			FROM staff_session s WHERE s.staff = ?1 AND s.device <> '' GROUP BY s.device ORDER BY max(s.seen) DESC, s.device LIMIT 20`, db.Args(id), func(row db.Scanner) error {
			var one Device
			var last, blocked int64
			err := row.Scan(&one.Thumbprint, &last, &one.Sessions, &blocked)
			one.Last, one.Blocked = moment(last), blocked > 0
			all = append(all, one)
			return err
		})
	})
	return all, err
}

// RestoreDevice lets a browser's key in again.
func (d *Directory) RestoreDevice(tx *db.Tx, thumbprint string) error {
	return d.unmark(tx, "DELETE FROM staff_device_block WHERE device = ?1", thumbprint)
}

// RestoreCredential lets a credential sign in again. Its ended sessions stay
// ended.
func (d *Directory) RestoreCredential(tx *db.Tx, id postern.CredentialID) error {
	return d.unmark(tx, "UPDATE staff_credential SET ended_at = NULL WHERE id = ?1", id)
}

// RestoreOrganisation lets its members sign in again.
func (d *Directory) RestoreOrganisation(tx *db.Tx, id postern.OrganisationID) error {
	return d.unmark(tx, "UPDATE staff_organisation SET suspended_at = NULL WHERE id = ?1", id)
}

// RestoreNetwork lets people sign in from it again.
func (d *Directory) RestoreNetwork(tx *db.Tx, network string) error {
	return d.unmark(tx, "DELETE FROM staff_network_block WHERE network = ?1", network)
}

func (d *Directory) mark(tx *db.Tx, query string, subject any, at time.Time) error {
	n, err := tx.Exec(query, subject, millis(at))
	if err == nil && n == 0 {
		err = orUnknown(db.ErrNoRows)
	}
	return err
}

func (d *Directory) unmark(tx *db.Tx, query string, subject any) error {
	n, err := tx.Exec(query, subject)
	if err == nil && n == 0 {
		err = orUnknown(db.ErrNoRows)
	}
	return err
}

func orUnknown(err error) error {
	if errors.Is(err, db.ErrNoRows) {
		return notFound("staff.unknown.subject", "there is nothing of this name to end or restore")
	}
	return err
}

// endSessions ends the sessions that where selects and that count at a time.
func (d *Directory) endSessions(tx *db.Tx, where, subject string, at time.Time) (ended []postern.SessionID, err error) {
	const counts = " AND ended_at IS NULL AND expires > ?2"
	err = tx.Rows("SELECT id FROM staff_session WHERE "+where+counts+" ORDER BY id", db.Args(subject, millis(at)), func(row db.Scanner) error {
		var id postern.SessionID
		err := row.Scan(&id)
		ended = append(ended, id)
		return err
	})
	if err != nil || len(ended) == 0 {
		return nil, err
	}
	_, err = tx.Exec("UPDATE staff_session SET ended_at = ?2 WHERE "+where+counts, subject, millis(at))
	return ended, err
}

// Reach says what a containment of kind "credential", "session", "device",
// "network", "organisation" or "desk" would end now: sessions that count, and members who would lose
// one, or with an organisation every active member.
func (d *Directory) Reach(ctx context.Context, kind, subject string) (sessions, members int, err error) {
	where := map[string]string{"credential": madeBy, "session": "id = ?1", "network": usedIn, "organisation": "organisation = ?1", "device": boundTo, "desk": ofSupport}[kind]
	if where == "" {
		return 0, 0, invalid("staff.invalid.kind", fmt.Sprintf("a %q cannot be ended here", kind))
	}
	err = d.db.View(ctx, func(tx *db.Tx) error {
		now := d.now()
		if err := tx.Row("SELECT count(*), count(DISTINCT staff) FROM staff_session WHERE "+where+" AND ended_at IS NULL AND expires > ?2 AND (seen > ?3 OR id IN (SELECT session FROM staff_token))",
			db.Args(subject, millis(now), millis(now.Add(-SessionIdle))), &sessions, &members); err != nil {
			return err
		}
		switch kind {
		case "organisation":
			return tx.Row("SELECT count(*) FROM staff_member WHERE organisation = ?1 AND status = 'active'", db.Args(subject), &members)
		case "credential":
			return tx.Row("SELECT count(*) FROM staff_credential WHERE id = ?1 AND ended_at IS NULL", db.Args(subject), &members)
		}
		return nil
	})
	return sessions, members, err
}
