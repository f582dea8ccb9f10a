package gate

import (
	"errors"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/staff"
)

// rule gives what the policy says of a tier to whoever a session is, here and
// now, and wherever it was used before. An emergency does not wait for office
// hours.
func (g *Gate) rule(tx *db.Tx, s staff.Session, t postern.Tier, emergency bool) (policy.Rule, error) {
	rule, ok := g.policy.For(s.Organisation, s.OrganisationKind, t)
	if !ok {
		switch {
		case rule.Agree != "":
			return rule, refuse(RefusedOutsourcer)
		case g.policy.Tiers[t.String()].Agree != "":
			return rule, refuse(RefusedOrganisation)
		}
		return rule, refuse(RefusedPolicy)
	}
	key := rule.Allows(g.now(), s.Network)
	if len(rule.Networks) > 0 {
		// A cookie knows where it was made, and a thief's is used elsewhere.
		used, err := g.staff.NetworksOf(tx, s.ID)
		if err != nil {
			return rule, err
		}
		for i := 0; key == "" && i < len(used); i++ {
			key = rule.Allows(g.now(), used[i])
		}
	}
	switch {
	case key != "" && !(emergency && key == RefusedHours):
		return rule, refuse(key)
	case s.Scopes != nil && !rule.Fresh(0, true):
		// Before a customer is asked to agree to what would never be shown.
		return rule, &postern.Error{Kind: postern.Denied, Key: RefusedReauth, Text: "this tier wants a proof that somebody is there, and an API token can't give one: a person has to open it in Desk"}
	}
	return rule, nil
}

// mayShow gives the rule under which a session may be shown a tier of a grant
// now, or the refusal.
func (g *Gate) mayShow(tx *db.Tx, s staff.Session, gr Grant, t postern.Tier, now time.Time) (policy.Rule, error) {
	rule, err := g.rule(tx, s, t, gr.Emergency)
	if err != nil {
		return rule, err
	}
	proved := s.Proved
	if proved.IsZero() {
		proved = s.Created
	}
	if !rule.Fresh(now.Sub(proved), s.Scopes != nil) {
		return rule, refuse(RefusedReauth)
	}
	return rule, nil
}

// whole are the fields that a mask is over.
const whole = postern.FieldFrom | postern.FieldTo | postern.FieldSubject

// Usual gives the fields that a view of a tier shows the staff of an
// organisation under the gate's policy: where it masks the envelope, addresses
// come without their local parts and subjects without digits.
func (g *Gate) Usual(t postern.Tier, org postern.OrganisationID, kind string) postern.Field {
	fields := Usual(t)
	if rule, _ := g.policy.For(org, kind, t); t == postern.TierEnvelope && rule.Mask {
		fields = fields&^whole | masked
	}
	return fields
}

// mask gives the fields of an envelope where the policy masks it: the usual view
// is masked, and what is under the mask is opened one field of one message at a
// time, each a disclosure of its own.
func mask(w Want, usual bool) (postern.Field, error) {
	switch under := w.Fields & whole; {
	case usual:
		return w.Fields&^whole | masked, nil
	case under == 0:
		return w.Fields, nil
	case len(w.Messages) == 1 && under == w.Fields && under&(under-1) == 0:
		return w.Fields, nil
	}
	return 0, refuse(RefusedMasked)
}

// showOnce notes in tx that a grant's messages are shown at its tier. Each is
// shown once; the last one ends the grant.
func (g *Gate) showOnce(tx *db.Tx, gr Grant, messages []postern.MessageID, now time.Time) error {
	if err := tx.Lock("once " + string(gr.ID)); err != nil {
		return err
	}
	for _, m := range messages {
		n, err := tx.Exec("INSERT INTO gate_once (grant_id, message) VALUES (?1, ?2) ON CONFLICT (grant_id, message) DO NOTHING", string(gr.ID), string(m))
		if err != nil {
			return err
		}
		if n == 0 {
			return refuse(RefusedShownOnce)
		}
	}
	var shown int
	if err := tx.Row("SELECT count(*) FROM gate_once WHERE grant_id = ?1", db.Args(string(gr.ID)), &shown); err != nil || shown < len(gr.Messages) {
		return err
	}
	// No ending for the pages to hear of: what shows the last message goes on
	// until the grant's time, and nothing can be shown after it.
	if err := tx.ExecOne("UPDATE gate_grant SET ended_at = ?2, ended_why = ?3 WHERE id = ?1", string(gr.ID), millis(now), EndLast); err != nil {
		return err
	}
	_, err := g.ledger.Control(tx, ledger.Control{
		Kind: verify.ControlEnd, At: now, Account: gr.Account, Grant: gr.ID, Case: gr.Case, Session: gr.Session,
		Organisation: gr.Organisation, Subject: EndLast, Detail: detail{}.add("why", EndLast).tier(gr.Tier).text(),
	})
	return err
}

// spend counts a reveal against the policy's bounds, and refuses it past them.
// It counts what was shown, not what was asked for, in windows that slide by
// the minute: a thief who knows the bounds gains nothing at the full hour. Each
// count errs by less than a minute, and always towards refusing.
func (g *Gate) spend(tx *db.Tx, rule *policy.Rule, who postern.StaffID, a postern.AccountID, w Want, now time.Time) error {
	if !rule.Bounded() {
		return nil
	}
	// Reveals of one member count one after another, else two of them would
	// both find the last place free. Nobody looks at two things at once.
	if err := tx.Lock("budget " + string(who)); err != nil {
		return err
	}
	minute := now.Unix() / 60
	if err := reach(tx, rule, who, w.Tier, a, minute); err != nil {
		return err
	}
	return read(tx, rule, who, w.Tier, len(w.Messages), minute)
}

const (
	hour = 60
	day  = 24 * hour
)

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
			return refuse(RefusedBudget)
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
		return refuse(RefusedBudget)
	}
	return tx.ExecOne(`INSERT INTO gate_read (staff, tier, minute, n) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (staff, tier, minute) DO UPDATE SET n = gate_read.n + excluded.n`, string(who), int64(t), minute, int64(n))
}
