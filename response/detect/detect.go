// Package detect notices that a support credential is being misused. It reads
// the feeds of sign-ins and of the ledger, puts each act into the words of the
// rules ([rules.Schema]), has the rules of package sigma judge it, and raises an
// [Alert] with its evidence.
//
// # What it keeps
//
// How far each feed was read (response_cursor); what the rules' windows hold as
// of some place in the feeds (response_engine), which is read again from the
// feeds where it is lost; whom and when the members' acts let expect
// (response_member, response_habit, response_session, response_session_network);
// alerts with their evidence (response_alert, response_evidence).
//
// # The invariants
//
//  1. A feed's cursor moves in the transaction that writes the alerts raised from
//     it: whatever was read twice raises once.
//  2. An alert names the version of its rule. What ends by itself is written down
//     as due before it is ended.
//
// Trust: it handles who looked at what, and account ids. It must never see a
// subject, an address or a message's text. It ends nothing but what a rule that
// the provider chose says, and that through the gate.
package detect

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/response/detect/rules"
	"github.com/postern-mail/postern/response/sigma"
	"github.com/postern-mail/postern/staff"
)

// Settings are what a provider chooses. The zero value is the pack, all of it.
type Settings struct {
	// Rules are the provider's own, beside the pack.
	Rules []sigma.Document
	// Off are names of the pack's rules that do not fire.
	Off []string
	// KeepIn are names of rules whose matches end nothing by themselves, whatever
	// the rule says.
	KeepIn []string
	// Entries bounds the memory of the windows, in events; 0 means 1,000,000.
	Entries int
	// Quiet is how long a rule stays silent about somebody after a responder has
	// dismissed its alert. 0 means 24 h.
	Quiet time.Duration
	// Zone is where the desk's shifts are; nil means UTC.
	Zone *time.Location
}

// Knows is what detection asks of the other rooms; node plugs it in.
type Knows interface {
	// Case says what a member has to do with a case: NotFound when it is gone.
	Case(context.Context, postern.CaseID, postern.StaffID) (Case, error)
	// About says what an account is to a member: NotFound when it is gone.
	About(context.Context, postern.AccountID, postern.StaffID) (About, error)
	// Guarded gives those among these messages that reset passwords or carry
	// codes.
	Guarded(context.Context, postern.AccountID, []postern.MessageID) ([]postern.MessageID, error)
}

// Case is what a member has to do with a case.
type Case struct {
	Opened time.Time
	Own    bool // the member opened it
	Worked bool // the member wrote a note or a reply in it
}

// About is what an account is to a member.
type About struct {
	Honey     bool // nobody has a reason to ask for it
	VIP       bool // strangers look for it
	Colleague bool // it is a member's own
	Namesake  bool // its owner has the member's family name
}

// Parts is what a Detector is made of.
type Parts struct {
	DB       *db.Handle // the response plane, its tables there
	Ledger   *ledger.Ledger
	Gate     *gate.Gate
	Staff    *staff.Directory
	Now      func() time.Time
	Log      *slog.Logger
	Settings Settings
	Knows    Knows // nil: nothing is known of cases, accounts and messages
	// End ends what a rule asks to end, for an alert; it is asked again after a
	// crash.
	End func(context.Context, Alert, gate.Target) (postern.ContainmentID, error)
}

// Detector is safe for concurrent use.
type Detector struct {
	Parts
	docs []sigma.Document
	off  []string

	ticking sync.Mutex // one Tick at a time; across nodes the cursor decides
	running *running   // nil when it must be read again; guarded by ticking
	names   names
}

// New compiles the rules and gives the detector. An error of a rule names its
// file and line.
func New(ctx context.Context, p Parts) (*Detector, error) {
	if p.Settings.Quiet == 0 {
		p.Settings.Quiet = 24 * time.Hour
	}
	if p.Settings.Zone == nil {
		p.Settings.Zone = time.UTC
	}
	pack, err := rules.Pack()
	if err != nil {
		return nil, err
	}
	d := &Detector{Parts: p, docs: append(pack, p.Settings.Rules...), off: p.Settings.Off}
	if wantsNoCase(p.Gate.Policy()) {
		d.off = append(d.off[:len(d.off):len(d.off)], "no-case", "no-case-mail")
	}
	if _, err := d.compile(); err != nil {
		return nil, err
	}
	err = p.DB.Update(ctx, func(tx *db.Tx) error {
		// The ledger's first index is 0, the sign-ins' first number 1.
		for feed, start := range map[string]int64{feedStaff: 0, feedLedger: -1} {
			if _, err := tx.Exec("INSERT INTO response_cursor (feed, position) VALUES (?1, ?2) ON CONFLICT (feed) DO NOTHING", feed, start); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't set up the cursors: %w", err)
	}
	return d, nil
}

func (d *Detector) compile() (*sigma.Engine, error) {
	return sigma.Compile(d.docs, rules.Schema, sigma.Options{MaxEntries: d.Settings.Entries, Subject: "staff", Off: d.off})
}

// wantsNoCase says whether a policy shows mail to whoever asks.
func wantsNoCase(p policy.Policy) bool {
	for _, rule := range p.Tiers {
		if rule.Agree == policy.AgreeNobody {
			return true
		}
	}
	return false
}

// Rules lists the rules in force.
func (d *Detector) Rules() ([]*sigma.Rule, error) {
	e, err := d.compile()
	if err != nil {
		return nil, err
	}
	return e.Rules(), nil
}

// Check compiles rules beside the pack and gives theirs.
func Check(own []sigma.Document) (found []*sigma.Rule, err error) {
	pack, err := rules.Pack()
	if err != nil {
		return nil, err
	}
	e, err := sigma.Compile(append(pack, own...), rules.Schema, sigma.Options{Subject: "staff"})
	if err != nil {
		return nil, err
	}
	names := packNames()
	for _, r := range e.Rules() {
		if !slices.Contains(names, r.Name) && slices.ContainsFunc(own, func(d sigma.Document) bool { return d.Name() == r.Name }) {
			found = append(found, r)
		}
	}
	return found, nil
}
