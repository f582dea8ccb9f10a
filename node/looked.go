package node

import (
	"context"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/ledger/verify"
	"github.com/postern-mail/postern/ledger/verify/wording"
	"github.com/postern-mail/postern/mail/web"
)

// actsAtOnce is a page of Who looked and one more.
const actsAtOnce = 60

// Acts gives the decisions about access to an account; those that a legal hold
// keeps back are left out, as the looks under them are.
func (h help) Acts(ctx context.Context, id postern.AccountID, before int64) (list []web.Act, err error) {
	kept, err := h.n.Gate.KeptBack(ctx, id)
	if err != nil {
		return nil, err
	}
	numbers, err := h.numbers(ctx, id)
	if err != nil {
		return nil, err
	}
	who := people{h: h, names: map[postern.StaffID]string{}, firms: map[postern.OrganisationID]string{}}
	for len(list) < actsAtOnce {
		found, err := h.n.Ledger.Find(ctx, ledger.Filter{Account: id, ControlsOnly: true, Before: before, Limit: actsAtOnce})
		if err != nil || len(found) == 0 {
			return list, err
		}
		for _, e := range found {
			before = e.Seq
			c := e.Control
			if kept[c.Grant] && c.Grant != "" || strings.HasPrefix(c.Subject, "hold ") {
				continue
			}
			a := web.Act{Seq: e.Seq, Index: e.Index, ID: c.ID, Kind: strings.ReplaceAll(c.Kind.String(), " ", "-"), At: c.At, Case: numbers[c.Case]}
			switch {
			case c.Actor != "":
				if a.Name, a.Organisation, err = who.is(ctx, c.Actor, c.Organisation); err != nil {
					return nil, err
				}
			case c.Kind == verify.ControlConsent || c.Kind == verify.ControlWithdrawal || c.Kind == verify.ControlRefusal:
				a.You = true
			}
			list = append(list, a)
		}
	}
	return list, nil
}

// people remembers names for a page.
type people struct {
	h     help
	names map[postern.StaffID]string
	firms map[postern.OrganisationID]string
}

func (p *people) is(ctx context.Context, id postern.StaffID, firm postern.OrganisationID) (name, organisation string, err error) {
	if len(p.firms) == 0 {
		all, err := p.h.n.Staff.Organisations(ctx)
		if err != nil {
			return "", "", err
		}
		for _, o := range all {
			p.firms[o.ID] = o.Name
		}
	}
	name, ok := p.names[id]
	if !ok {
		m, err := p.h.n.Staff.ByID(ctx, id)
		if err != nil && postern.KindOf(err) != postern.NotFound {
			return "", "", err
		}
		name = m.Name
		p.names[id] = name
	}
	return name, p.firms[firm], nil
}

// Proof gives the file for one of the account's own records. Whose it is comes
// first, so that one of another account's, or one that a legal hold keeps back, is
// not even known to be there while its proof is not public yet.
func (h help) Proof(ctx context.Context, id postern.AccountID, d postern.DisclosureID) ([]byte, error) {
	none := &postern.Error{Kind: postern.NotFound, Text: "there is no such record of this account"}
	found, err := h.n.Ledger.Find(ctx, ledger.Filter{Account: id, ID: d, Limit: 1})
	if err != nil {
		return nil, err
	}
	if d == "" || len(found) == 0 {
		return nil, none
	}
	kept, err := h.n.Gate.KeptBack(ctx, id)
	if err != nil {
		return nil, err
	}
	if disclosed := found[0].Disclosure; disclosed != nil && kept[disclosed.Grant] {
		return nil, none
	}
	if decided := found[0].Control; decided != nil && (kept[decided.Grant] || strings.HasPrefix(decided.Subject, "hold ")) {
		return nil, none
	}
	return h.n.Ledger.RecordFile(ctx, d)
}

// Record is Proof in words.
func (h help) Record(ctx context.Context, id postern.AccountID, entry, lang string) (web.Record, error) {
	file, err := h.Proof(ctx, id, postern.DisclosureID(entry))
	if key := postern.KeyOf(err); key == "ledger.proof.soon" || key == "ledger.erased" {
		return web.Record{Index: -1, Destroyed: key == "ledger.erased"}, nil
	}
	if err != nil {
		return web.Record{}, err
	}
	p, err := verify.ParseRecordProof(file)
	if err != nil {
		return web.Record{}, err
	}
	policy, err := verify.ParsePolicy(h.Policy())
	if err != nil {
		return web.Record{}, err
	}
	r := verify.CheckRecordFile(file, policy)
	out := web.Record{Index: p.Index, Not: r.Not(lang)}
	for _, f := range r.Facts {
		out.Facts = append(out.Facts, web.Fact{Name: wording.Say(lang, "fact."+f.Name), Value: f.Value})
	}
	return out, nil
}

func (h help) Policy() []byte { return h.n.Ledger.PolicyFile() }

func (h help) Number(ctx context.Context, id postern.AccountID) (string, error) {
	return h.n.Ledger.Number(ctx, id)
}

func (h help) Provable(ctx context.Context) (from, until time.Time, err error) {
	return h.n.Ledger.Provable(ctx)
}

func (h help) Statement(ctx context.Context, id postern.AccountID, from, until time.Time, tier postern.Tier, lang string) (web.Statement, error) {
	a, err := h.n.Accounts.ByID(ctx, id)
	if err != nil {
		return web.Statement{}, err
	}
	s, err := h.n.statement(ctx, id, a.Address, ledger.Window{From: from, Until: until, Tier: tier})
	if err != nil {
		return web.Statement{}, err
	}
	r := s.Checked
	out := web.Statement{File: s.File, Count: s.Count, From: s.Window.From, Until: s.Window.Until, Tier: tier, Issued: s.Issued, Accesses: s.Accesses,
		Says: r.Sentences(lang), Not: r.Not(lang), Unwitnessed: r.Why == verify.WhyUnwitnessed, Edge: r.Why == verify.WhyEdge, Erased: s.Erased, Verdict: r.Verdict.String(), First: s.From, Last: s.To}
	if r.Rests {
		out.Rests = wording.Say(lang, "rests")
	}
	return out, nil
}
