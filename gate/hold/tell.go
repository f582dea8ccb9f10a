package hold

import (
	"context"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
)

// Told is what a customer is told of one emergency grant.
type Told struct {
	ID               postern.GrantID
	Account          postern.AccountID
	At, Until        time.Time
	Tier             postern.Tier
	Messages         []postern.MessageID
	Reason           postern.Reason
	Sentence         string
	StaffName        string
	OrganisationName string
	AgreedBy         string // the approvers' names
	Held             bool   // a legal hold kept it back until now
	Mark             string // the same each time it is told, and known to nobody before
}

// Teller tells a customer. What it is told twice with one Mark it delivers once:
// the outbox may have to ask again. The ID is no such mark, for the staff know it.
type Teller interface {
	Tell(ctx context.Context, account postern.AccountID, told Told) error
}

// Kept is the condition, on one placeholder for now, that a hold keeps a row of
// gate_grant from its customer: one runs, and the customer has not been told.
func Kept(grants string) string {
	return "EXISTS (SELECT 1 FROM gate_hold h WHERE h.account = " + grants + ".account AND h.confirmed_at > 0 AND h.ended_at = 0 AND h.until_at > ?)" +
		" AND EXISTS (SELECT 1 FROM gate_telling k WHERE k.grant_id = " + grants + ".id AND k.told_at = 0)"
}

// KeptGrants gives the emergency grants of an account that a hold keeps from its
// customer now.
func (b *Book) KeptGrants(tx *db.Tx, a postern.AccountID) (kept map[postern.GrantID]bool, err error) {
	err = tx.Rows(`SELECT k.grant_id FROM gate_telling k WHERE k.account = ?1 AND k.told_at = 0 AND EXISTS (SELECT 1 FROM gate_hold h
		WHERE h.account = k.account AND h.confirmed_at > 0 AND h.ended_at = 0 AND h.until_at > ?2)`, db.Args(string(a), millis(b.Now())), func(row db.Scanner) error {
		var id postern.GrantID
		err := row.Scan(&id)
		if kept == nil {
			kept = map[postern.GrantID]bool{}
		}
		kept[id] = true
		return err
	})
	return kept, err
}

// Due has the customer told of a grant, inside the transaction that makes it.
func (b *Book) Due(tx *db.Tx, id postern.GrantID, a postern.AccountID, at time.Time) error {
	return tx.ExecOne("INSERT INTO gate_telling (grant_id, account, made_at, claimed_at, told_at, mark) VALUES (?1, ?2, ?3, 0, 0, ?4)", string(id), string(a), millis(at), postern.NewID())
}

const (
	claim   = 20 * time.Second // how long one process has to tell before another tries
	patient = 10 * time.Second // how long one telling may take
)

// Run tells until ctx is done.
func (b *Book) Run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if _, err := b.Tell(ctx); err != nil && ctx.Err() == nil {
			b.Log.Error("couldn't tell a customer of emergency access", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Tell tells what is due and not held back, and gives how many it told. Each is
// claimed, told and noted: whatever happens between, it is told again with the
// same mark, and never lost.
func (b *Book) Tell(ctx context.Context) (n int, err error) {
	if b.Teller == nil {
		return 0, nil
	}
	var due []postern.GrantID
	now := b.Now()
	err = b.DB.View(ctx, func(tx *db.Tx) error {
		return tx.Rows(`SELECT k.grant_id FROM gate_telling k WHERE k.told_at = 0 AND k.claimed_at < ?1 AND NOT EXISTS (SELECT 1 FROM gate_hold h
			WHERE h.account = k.account AND h.confirmed_at > 0 AND h.ended_at = 0 AND h.until_at > ?2) ORDER BY k.made_at LIMIT 100`,
			db.Args(millis(now.Add(-claim)), millis(now)), func(row db.Scanner) error {
				var id postern.GrantID
				err := row.Scan(&id)
				due = append(due, id)
				return err
			})
	})
	for _, id := range due {
		if err != nil {
			break
		}
		var told bool
		if told, err = b.tell(ctx, id, now); told {
			n++
		}
	}
	return n, err
}

func (b *Book) tell(ctx context.Context, id postern.GrantID, now time.Time) (bool, error) {
	var t Told
	mine := false
	err := b.DB.Update(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(`UPDATE gate_telling SET claimed_at = ?2 WHERE grant_id = ?1 AND told_at = 0 AND claimed_at < ?3`, string(id), millis(now), millis(now.Add(-claim)))
		if mine = n == 1; err != nil || !mine {
			return err
		}
		if t, err = b.About(tx, id); err != nil {
			return err
		}
		if err := tx.Row("SELECT mark FROM gate_telling WHERE grant_id = ?1", db.Args(string(id)), &t.Mark); err != nil {
			return err
		}
		if t.Mark == "" { // of before there were marks
			t.Mark = postern.NewID()
			if err := tx.ExecOne("UPDATE gate_telling SET mark = ?2 WHERE grant_id = ?1", string(id), t.Mark); err != nil {
				return err
			}
		}
		// A hold that began before the grant ended, or after it was made, kept it.
		var kept int
		err = tx.Row("SELECT count(*) FROM gate_hold WHERE account = ?1 AND confirmed_at > 0 AND until_at > ?2", db.Args(string(t.Account), millis(t.At)), &kept)
		t.Held = kept > 0
		return err
	})
	if err != nil || !mine {
		return false, err
	}
	telling, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	if err := b.Teller.Tell(telling, t.Account, t); err != nil {
		return false, err
	}
	return true, b.DB.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		n, err := tx.Exec("UPDATE gate_telling SET told_at = ?2 WHERE grant_id = ?1 AND told_at = 0", string(id), millis(b.Now()))
		if err != nil || n == 0 {
			return err
		}
		_, err = b.Ledger.Control(tx, ledger.Control{Kind: verify.ControlNotice, At: b.Now(), Account: t.Account, Grant: id, Subject: "emergency " + string(id)})
		return err
	})
}
