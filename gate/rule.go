package gate

import (
	"errors"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate/budget"
	"github.com/postern-mail/postern/gate/detail"
	"github.com/postern-mail/postern/gate/fields"
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

// Usual gives the fields that a view of a tier shows the staff of an
// organisation under the gate's policy: where it masks the envelope, addresses
// come without their local parts and subjects without digits.
func (g *Gate) Usual(t postern.Tier, org postern.OrganisationID, kind string) postern.Field {
	usual := fields.Usual(t)
	if rule, _ := g.policy.For(org, kind, t); t == postern.TierEnvelope && rule.Mask {
		usual, _ = fields.Mask(usual, true, 0)
	}
	return usual
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
		Organisation: gr.Organisation, Subject: EndLast, Detail: detail.Lines{}.Add("why", EndLast).Tier(gr.Tier).Text(),
	})
	return err
}

// spend counts a reveal against the policy's bounds, and refuses it past them.
func spend(tx *db.Tx, rule *policy.Rule, who postern.StaffID, a postern.AccountID, w Want, now time.Time) error {
	err := budget.Spend(tx, rule, who, w.Tier, a, len(w.Messages), now)
	if errors.Is(err, budget.ErrSpent) {
		return refuse(RefusedBudget)
	}
	return err
}
