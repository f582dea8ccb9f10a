package detect

import (
	"cmp"
	"slices"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/response/incident"
)

// Rules are the numbers that raise alerts. The zero value of a number takes the
// default of [DefaultRules]; a negative one switches its rule off. Whoever may
// change them decides what goes unseen.
type Rules struct {
	// AccountsPerHour: different accounts that one member saw at the envelope
	// tier or deeper within 60 minutes. Default 10: a case takes about ten
	// minutes, few cases need the mail itself, and six an hour is a fast agent.
	// It lies below the default policy's budget, so that it speaks before the
	// gate's refusals do.
	AccountsPerHour int `toml:"accounts_per_hour"`
	// AccountsPerDay: the same within 24 hours. Default 40: a full shift of
	// nothing but such cases.
	AccountsPerDay int `toml:"accounts_per_day"`
	// WeekTimesPeers: accounts within seven days, as a multiple of the median of
	// the other members who saw any. Default 3. A thief who stays under every
	// daily number (87 days in 2019) still ends up far from the colleagues.
	WeekTimesPeers int `toml:"week_times_peers"`
	// WeekAtLeast is the number below which WeekTimesPeers says nothing.
	// Default 30: in a quiet week three times very little is still very little.
	WeekAtLeast int `toml:"week_at_least"`
	// PeersAtLeast is how many others a median needs. Default 5: the median of
	// fewer is one colleague's holiday.
	PeersAtLeast int `toml:"peers_at_least"`
	// NewNetwork: a sign-in from a network that is new for the member: 1 alerts
	// (the default), and what is then shown makes the alert graver. A member's
	// very first sign-in is not new.
	NewNetwork int `toml:"new_network"`
	// RefusalsInRow: what the gate refused one member with nothing shown in
	// between. Default 5: a person who mistakes a case number stops after two or
	// three; a program that tries accounts does not.
	RefusalsInRow int `toml:"refusals_in_row"`
	// RefusalsWithin is how far the first and last of these may lie apart.
	// Default 1 h.
	RefusalsWithin time.Duration `toml:"refusals_within"`
	// Guarded: guarded messages (they reset passwords or carry codes) that one
	// member was shown within 24 hours: those that were masked do not count. Default 3: in 2019 these were what the
	// thieves came for, and a case is rarely about two of them.
	Guarded int `toml:"guarded"`
	// NoCase: a disclosure without a case. Default 1 alerts, but for a policy
	// that asks nobody for any tier: there it says nothing, and is off.
	NoCase int `toml:"no_case"`
	// Device: a request with the cookie of a session that is bound to a browser's
	// key, without that key: a stolen cookie. Default 1 alerts; high where it came
	// from another network or program than the session's, low where it may have
	// been the owner, who reloaded past the page's scripts.
	Device int `toml:"device"`
	// Quiet is how long a rule stays silent about a member after a responder
	// has dismissed its alert. Default 24 h.
	Quiet time.Duration `toml:"quiet"`
}

// DefaultRules gives every number its default.
func DefaultRules() Rules {
	return Rules{AccountsPerHour: 10, AccountsPerDay: 40, WeekTimesPeers: 3, WeekAtLeast: 30, PeersAtLeast: 5,
		NewNetwork: 1, RefusalsInRow: 5, RefusalsWithin: time.Hour, Guarded: 3, NoCase: 1, Device: 1, Quiet: 24 * time.Hour}
}

// withDefaults fills what is zero.
func (r Rules) withDefaults() Rules {
	d := DefaultRules()
	for _, n := range []struct{ mine, def *int }{
		{&r.AccountsPerHour, &d.AccountsPerHour}, {&r.AccountsPerDay, &d.AccountsPerDay}, {&r.WeekTimesPeers, &d.WeekTimesPeers},
		{&r.WeekAtLeast, &d.WeekAtLeast}, {&r.PeersAtLeast, &d.PeersAtLeast}, {&r.NewNetwork, &d.NewNetwork},
		{&r.RefusalsInRow, &d.RefusalsInRow}, {&r.Guarded, &d.Guarded}, {&r.NoCase, &d.NoCase}, {&r.Device, &d.Device},
	} {
		*n.mine = cmp.Or(*n.mine, *n.def)
	}
	r.RefusalsWithin = cmp.Or(r.RefusalsWithin, d.RefusalsWithin)
	r.Quiet = cmp.Or(r.Quiet, d.Quiet)
	return r
}

// The rules by name, as they stand in alerts and pages' keys.
const (
	RuleFanOutHour = "fan-out-hour"
	RuleFanOutDay  = "fan-out-day"
	RuleFanOutWeek = "fan-out-week"
	RuleNewNetwork = "new-network"
	RuleRefusals   = "refusals"
	RuleGuarded    = "guarded"
	RuleNoCase     = "no-case"
	RuleDevice     = "stolen-cookie"
)

// RuleNames lists the rules, the most telling first.
var RuleNames = [...]string{RuleDevice, RuleNewNetwork, RuleFanOutHour, RuleFanOutDay, RuleFanOutWeek, RuleGuarded, RuleRefusals, RuleNoCase}

// act is what the feeds tell of one moment, in the words of the rules.
type act struct {
	kind       string // kindSignIn, kindMoved, kindShown, kindRefused, kindDevice, kindMissing
	feed       string
	position   int64
	at         time.Time
	staff      postern.StaffID
	credential postern.CredentialID
	session    postern.SessionID
	network    string
	fresh      bool // a network that is new for this member
	account    postern.AccountID
	tier       postern.Tier
	messages   []postern.MessageID
	hasCase    bool
	grant      postern.GrantID
}

const (
	kindSignIn  = "sign-in"
	kindMoved   = "moved"
	kindShown   = "shown"
	kindRefused = "refused"
	// Without the browser's key: from elsewhere, and from what looks like the
	// session's own browser.
	kindDevice  = "device-refused"
	kindMissing = "device-missing"
)

// figures are what the member's past says at the moment of an act, the act
// included.
type figures struct {
	hour, day, week int   // different accounts at envelope or deeper
	peers           []int // the others' week, those with any
	refusals        int   // in a row
	refusalsSince   time.Time
	freshSession    bool         // the session came from a network new for the member
	sessionShown    int          // disclosures of the session
	sessionDeepest  postern.Tier // of the session
	guarded         int          // guarded messages within 24 h
}

// finding is a rule that fired: what to say, with the numbers it rests on.
type finding struct {
	rule     string
	severity incident.Severity
	figures  map[string]int // "accounts", "limit", "median", …
}

// judge applies the rules to one act. It is a pure function of its arguments.
func (r Rules) judge(a act, f figures) (found []finding) {
	add := func(rule string, s incident.Severity, figures map[string]int) {
		found = append(found, finding{rule, s, figures})
	}
	deep := a.kind == kindShown && a.tier >= postern.TierEnvelope
	if deep && r.AccountsPerHour > 0 && f.hour >= r.AccountsPerHour {
		add(RuleFanOutHour, graver(f.hour, r.AccountsPerHour), map[string]int{"accounts": f.hour, "limit": r.AccountsPerHour})
	}
	if deep && r.AccountsPerDay > 0 && f.day >= r.AccountsPerDay {
		add(RuleFanOutDay, graver(f.day, r.AccountsPerDay), map[string]int{"accounts": f.day, "limit": r.AccountsPerDay})
	}
	if deep && r.WeekTimesPeers > 0 && len(f.peers) >= r.PeersAtLeast {
		m := median(f.peers)
		if limit := max(r.WeekAtLeast, r.WeekTimesPeers*m); f.week >= limit {
			add(RuleFanOutWeek, graver(f.week, limit), map[string]int{"accounts": f.week, "limit": limit, "median": m, "peers": len(f.peers)})
		}
	}
	if r.NewNetwork > 0 && (a.fresh || f.freshSession && a.kind == kindShown) {
		s := incident.Low
		if f.sessionShown > 0 {
			s = incident.Medium
		}
		if f.sessionDeepest >= postern.TierEnvelope {
			s = incident.High
		}
		add(RuleNewNetwork, s, map[string]int{"shown": f.sessionShown, "tier": int(f.sessionDeepest)})
	}
	if a.kind == kindRefused && r.RefusalsInRow > 0 && f.refusals >= r.RefusalsInRow && a.at.Sub(f.refusalsSince) <= r.RefusalsWithin {
		add(RuleRefusals, graver(f.refusals, r.RefusalsInRow), map[string]int{"refusals": f.refusals, "limit": r.RefusalsInRow,
			"minutes": int(a.at.Sub(f.refusalsSince).Round(time.Minute) / time.Minute)})
	}
	if a.kind == kindShown && r.Guarded > 0 && f.guarded >= r.Guarded {
		add(RuleGuarded, incident.High, map[string]int{"messages": f.guarded, "limit": r.Guarded})
	}
	if r.Device > 0 && a.kind == kindDevice {
		add(RuleDevice, incident.High, map[string]int{})
	}
	if r.Device > 0 && a.kind == kindMissing {
		add(RuleDevice, incident.Low, map[string]int{})
	}
	if a.kind == kindShown && r.NoCase > 0 && !a.hasCase {
		s := incident.Medium
		if a.tier >= postern.TierEnvelope {
			s = incident.High
		}
		add(RuleNoCase, s, map[string]int{"tier": int(a.tier)})
	}
	return found
}

// graver: at the limit somebody should look, at twice the limit now.
func graver(n, limit int) incident.Severity {
	if n >= 2*limit {
		return incident.High
	}
	return incident.Medium
}

// median of the lower middle: it never invents a half account.
func median(of []int) int {
	if len(of) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(of))
	return s[(len(s)-1)/2]
}
