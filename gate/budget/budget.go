// Package budget counts what each member of staff was shown, against the bounds
// of a policy's rule.
//
// What it keeps: a row for each member, tier and account, and one for each
// member, tier and minute, for a day.
//
// Trust: it handles ids and numbers. It must never let two reveals of one member
// take the same last place.
package budget

import (
	"errors"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/policy"
)

// ErrSpent says that a rule's bound is reached.
var ErrSpent = errors.New("the budget is spent")

const (
	hour = 60 // minutes
	day  = 24 * hour
)

// Spend counts messages of an account, shown to a member at a tier, or gives
// [ErrSpent]. It counts what was shown, not what was asked for, in windows that
// slide by the minute: a thief who knows the bounds gains nothing at the full
// hour. Each count errs by less than a minute, and always towards refusing.
func Spend(tx *db.Tx, rule *policy.Rule, who postern.StaffID, t postern.Tier, a postern.AccountID, messages int, now time.Time) error {
	if !rule.Bounded() {
		return nil
	}
	// Reveals of one member count one after another, else two of them would
	// both find the last place free. Nobody looks at two things at once.
	if err := tx.Lock("budget " + string(who)); err != nil {
		return err
	}
	minute := now.Unix() / 60
	if err := reach(tx, rule, who, t, a, minute); err != nil {
		return err
	}
	return read(tx, rule, who, t, messages, minute)
}

// Sweep deletes counts past their windows. None of them is history: that is the
// ledger.
func Sweep(tx *db.Tx, now time.Time) error {
	before := now.Unix()/60 - day
	if _, err := tx.Exec("DELETE FROM gate_reach WHERE minute < ?1", before); err != nil {
		return err
	}
	_, err := tx.Exec("DELETE FROM gate_read WHERE minute < ?1", before)
	return err
}

// reach counts different accounts. gate_reach has one row for each, with the
// last minute it was seen in, so the rows younger than a window are its count.
func reach(tx *db.Tx, rule *policy.Rule, who postern.StaffID, t postern.Tier, a postern.AccountID, minute int64) error {
	if rule.AccountsPerHour == 0 && rule.AccountsPerDay == 0 {
		return nil
	}
	var last int64
	err := tx.Row("SELECT minute FROM gate_reach WHERE staff = ?1 AND tier = ?2 AND account = ?3", db.Args(string(who), int64(t), string(a)), &last)
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return err
	}
	if err == nil && last >= minute {
		return nil
	}
	if err != nil || last <= minute-hour {
		var inHour, inDay int
		err := tx.Row(`SELECT count(*), COALESCE(sum(CASE WHEN minute >= ?4 THEN 1 ELSE 0 END), 0)
			FROM gate_reach WHERE staff = ?1 AND tier = ?2 AND minute >= ?3 AND account <> ?5`,
			db.Args(string(who), int64(t), minute-day, minute-hour, string(a)), &inDay, &inHour)
		if err != nil {
			return err
		}
		if rule.AccountsPerHour > 0 && inHour >= rule.AccountsPerHour || rule.AccountsPerDay > 0 && inDay >= rule.AccountsPerDay {
			return ErrSpent
		}
	}
	return tx.ExecOne(`INSERT INTO gate_reach (staff, tier, account, minute) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (staff, tier, account) DO UPDATE SET minute = excluded.minute`, string(who), int64(t), string(a), minute)
}

// read counts messages, by the minute.
func read(tx *db.Tx, rule *policy.Rule, who postern.StaffID, t postern.Tier, n int, minute int64) error {
	if rule.MessagesPerHour == 0 && rule.MessagesPerDay == 0 || n == 0 {
		return nil
	}
	var inHour, inDay int
	if err := tx.Row(`SELECT COALESCE(sum(n), 0), COALESCE(sum(CASE WHEN minute >= ?4 THEN n ELSE 0 END), 0)
		FROM gate_read WHERE staff = ?1 AND tier = ?2 AND minute >= ?3`,
		db.Args(string(who), int64(t), minute-day, minute-hour), &inDay, &inHour); err != nil {
		return err
	}
	if rule.MessagesPerHour > 0 && inHour+n > rule.MessagesPerHour || rule.MessagesPerDay > 0 && inDay+n > rule.MessagesPerDay {
		return ErrSpent
	}
	return tx.ExecOne(`INSERT INTO gate_read (staff, tier, minute, n) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (staff, tier, minute) DO UPDATE SET n = gate_read.n + excluded.n`, string(who), int64(t), minute, int64(n))
}
