package gate

import (
	"context"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger"
)

// Look is one access to an account as its customer reads it under "Who looked".
type Look struct {
	Seq              int64
	Index            int64 // in the log; -1 until it is sequenced
	Disclosure       postern.DisclosureID
	At               time.Time
	Tier             postern.Tier
	Fields           postern.Field
	Messages         []postern.MessageID
	StaffName        string
	Role             string // "agent", or "operator" of a mailbox taken out by the command line
	OrganisationName string
	Reason           postern.Reason
	Sentence         string // what the agent said it was for
	Case             postern.CaseID
	CaseNumber       int64 // 0 where there was no case
	Grant            postern.GrantID
	Until            time.Time // when the grant ended or ends
	AgreedBy         string    // "policy", "customer", or the approvers' names
	Emergency        bool      // the customer was not asked
}

// RoleOperator is the role of whoever took a mailbox out by the command line: no
// member of staff, and without a grant.
const RoleOperator = "operator"

// Looks gives the accesses to an account, newest first: those before an entry
// (0 from the newest), at most limit (0 means 50). It reads the ledger, so what
// a customer sees is what an auditor can check. What a running legal hold keeps
// back is left out, and there again when it ends; the ledger's counts have it all
// the time.
func (g *Gate) Looks(ctx context.Context, a postern.AccountID, before int64, limit int) ([]Look, error) {
	if limit <= 0 {
		limit = 50
	}
	entries, err := g.looked(ctx, a, before, limit)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	looks := make([]Look, 0, len(entries))
	err = g.db.View(ctx, func(tx *db.Tx) error {
		known := map[postern.GrantID]Grant{}
		numbers := map[postern.CaseID]int64{}
		for _, e := range entries {
			d := e.Disclosure
			if _, ok := known[d.Grant]; !ok {
				found, err := grants(tx, "id = ?1", string(d.Grant))
				if err != nil {
					return err
				}
				// A record without its grant is shown all the same: the ledger
				// counts, and the gate's table only explains.
				known[d.Grant] = Grant{}
				if len(found) == 1 {
					known[d.Grant] = found[0]
				}
			}
			if _, ok := numbers[d.Case]; !ok && d.Case != "" {
				n, err := g.cases.Number(tx, d.Case)
				if err != nil {
					return err
				}
				numbers[d.Case] = n
			}
			gr := known[d.Grant]
			role := "agent"
			if d.Grant == "" && d.Staff == "" {
				role = RoleOperator
			}
			until := gr.Until
			if !gr.Ended.IsZero() {
				until = gr.Ended
			}
			looks = append(looks, Look{
				Seq: e.Seq, Index: e.Index, Disclosure: d.ID, At: d.At, Tier: d.Tier, Fields: d.Fields, Messages: d.Messages,
				StaffName: gr.StaffName, Role: role, OrganisationName: gr.OrganisationName, Reason: d.Reason, Sentence: gr.Sentence,
				Case: d.Case, CaseNumber: numbers[d.Case], Grant: d.Grant, Until: until, AgreedBy: gr.AgreedBy, Emergency: gr.Emergency,
			})
		}
		return nil
	})
	return looks, err
}

// KeptBack names the grants over an account that a running legal hold keeps its
// customer from hearing of.
func (g *Gate) KeptBack(ctx context.Context, a postern.AccountID) (kept map[postern.GrantID]bool, err error) {
	err = g.db.View(ctx, func(tx *db.Tx) error {
		kept, err = g.holds.KeptGrants(tx, a)
		return err
	})
	return kept, err
}

// looked gives the disclosures that the customer may hear of now.
func (g *Gate) looked(ctx context.Context, a postern.AccountID, before int64, limit int) (found []ledger.Entry, err error) {
	kept, err := g.KeptBack(ctx, a)
	if err != nil {
		return nil, err
	}
	for {
		more, err := g.ledger.Find(ctx, ledger.Filter{Account: a, DisclosuresOnly: true, Before: before, Limit: limit})
		if err != nil || len(more) == 0 {
			return found, err
		}
		for _, e := range more {
			before = e.Seq
			if kept[e.Disclosure.Grant] {
				continue
			}
			if found = append(found, e); len(found) == limit {
				return found, nil
			}
		}
	}
}
