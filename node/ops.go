package node

import (
	"context"
	"errors"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/node/detection"
	"github.com/postern-mail/postern/node/readers"
	"github.com/postern-mail/postern/response/scope"
	"github.com/postern-mail/postern/staff"
)

// operations are what the command line can ask of a Postern.
var operations = map[string]operation{
	"account.add":            op(addAccount),
	"account.list":           op(listAccounts),
	"account.freeze":         op(freezeAccount),
	"account.erase":          op(eraseAccount),
	"account.erasures":       op(listErasures),
	"staff.organisation":     op(addOrganisation),
	"staff.organisation.set": op(setOrganisation),
	"staff.add":              op(addStaff),
	"staff.password":         op(setStaffPassword),
	"staff.list":             op(listStaff),
	"staff.token.new":        op(newToken),
	"staff.token.list":       op(listTokens),
	"staff.token.end":        op(endToken),
	"import":                 op(importMail),
	"export":                 op(exportMail),
	"contain":                op(contain),
	"scope":                  op(exposed),
	"detect.rules": op(func(_ context.Context, n *Node, _ struct{}, _ report) ([]detection.RuleOut, error) {
		return detection.List(n.Response.Detector)
	}),
	"detect.backtest": op(func(ctx context.Context, n *Node, in detection.BacktestIn, r report) (detection.BacktestOut, error) {
		return detection.Backtest(ctx, n.Response.Detector, n.Staff, in, func(acts int64) { r(acts, 0) })
	}),
	"notice.status": op(func(ctx context.Context, n *Node, in NoticesIn, _ report) (NoticesOut, error) {
		return readers.Status(ctx, n.Response, in)
	}),
	"notice.check": op(func(ctx context.Context, n *Node, in CodeIn, _ report) (CodeOut, error) {
		return readers.Check(ctx, n.Response, in)
	}),
	"notice.followup": op(func(ctx context.Context, n *Node, in NoticesIn, _ report) (string, error) {
		return readers.Followup(ctx, n.Response, in)
	}),
	"statement":     op(makeStatement),
	"audit":         op(auditLedger),
	"alerts":        op(listAlerts),
	"policy.replay": op(replayPolicy),
}

// AccountIn is a new account.
type AccountIn struct {
	Address  string `json:"address"`
	Name     string `json:"name"`
	Locale   string `json:"locale"`
	Password string `json:"password"`
}

// AccountOut is an account as the command line shows it.
type AccountOut struct {
	ID      postern.AccountID `json:"id"`
	Address string            `json:"address"`
	Name    string            `json:"name"`
	Locale  string            `json:"locale"`
	Status  string            `json:"status"`
}

func accountOut(a account.Account) AccountOut {
	return AccountOut{a.ID, a.Address, a.Name, a.Locale, a.Status}
}

func addAccount(ctx context.Context, n *Node, in AccountIn, _ report) (AccountOut, error) {
	a, err := n.Accounts.Create(ctx, account.New{Address: in.Address, Name: in.Name, Locale: in.Locale, Password: in.Password, QuotaBytes: n.cfg.Mail.Quota})
	if err != nil {
		return AccountOut{}, err
	}
	// From the first day on, a statement can be made for the account's number.
	_, err = n.Ledger.Number(ctx, a.ID)
	return accountOut(a), err
}

func listAccounts(ctx context.Context, n *Node, _ struct{}, _ report) ([]AccountOut, error) {
	list := []AccountOut{}
	for after := ""; ; {
		page, err := n.Accounts.List(ctx, after, 1000)
		if err != nil || len(page) == 0 {
			return list, err
		}
		for _, a := range page {
			list = append(list, accountOut(a))
			after = a.Address
		}
	}
}

// FreezeIn stops or allows sign-ins to an account.
type FreezeIn struct {
	Address string `json:"address"`
	Frozen  bool   `json:"frozen"`
}

func freezeAccount(ctx context.Context, n *Node, in FreezeIn, _ report) (AccountOut, error) {
	a, err := n.Accounts.ByAddress(ctx, in.Address)
	if err != nil {
		return AccountOut{}, err
	}
	if err := n.Mail.Freeze(ctx, a.ID, in.Frozen); err != nil {
		return AccountOut{}, err
	}
	a, err = n.Accounts.ByID(ctx, a.ID)
	return accountOut(a), err
}

// OrganisationIn is a new organisation.
type OrganisationIn struct {
	ID   postern.OrganisationID `json:"id"`
	Name string                 `json:"name"`
	Kind string                 `json:"kind"`
}

func addOrganisation(ctx context.Context, n *Node, in OrganisationIn, _ report) (OrganisationIn, error) {
	return in, n.Staff.CreateOrganisation(ctx, staff.Organisation{ID: in.ID, Name: in.Name, Kind: in.Kind})
}

// StaffIn is a new member, or a member's new password.
type StaffIn struct {
	Login        string                 `json:"login"`
	Name         string                 `json:"name"`
	Locale       string                 `json:"locale"`
	Organisation postern.OrganisationID `json:"organisation"`
	Roles        []string               `json:"roles"`
	Password     string                 `json:"password"`
}

// StaffOut is a member as the command line shows one.
type StaffOut struct {
	ID           postern.StaffID        `json:"id"`
	Login        string                 `json:"login"`
	Name         string                 `json:"name"`
	Organisation postern.OrganisationID `json:"organisation"`
	Roles        []string               `json:"roles"`
	Credentials  []CredentialOut        `json:"credentials,omitempty"`
	Invite       string                 `json:"invite,omitempty"` // a link that registers a passkey, once
	OTP          string                 `json:"otp,omitempty"`    // otpauth:// address, shown once
}

// CredentialOut is one way in.
type CredentialOut struct {
	ID    postern.CredentialID `json:"id"`
	Kind  string               `json:"kind"`
	Ended bool                 `json:"ended"`
}

func staffOut(m staff.Member) StaffOut {
	s := StaffOut{ID: m.ID, Login: m.Login, Name: m.Name, Organisation: m.Organisation}
	for _, r := range m.Roles {
		s.Roles = append(s.Roles, string(r))
	}
	return s
}

func addStaff(ctx context.Context, n *Node, in StaffIn, _ report) (StaffOut, error) {
	nm := staff.NewMember{Login: in.Login, Name: in.Name, Locale: in.Locale, Organisation: in.Organisation}
	for _, r := range in.Roles {
		nm.Roles = append(nm.Roles, staff.Role(r))
	}
	m, err := n.Staff.CreateMember(ctx, nm)
	if err != nil {
		return StaffOut{}, err
	}
	token, err := n.Staff.Invite(ctx, m.ID)
	if err != nil {
		return StaffOut{}, err
	}
	out := staffOut(m)
	out.Invite = n.origins.Desk + "/invite#" + token
	return out, nil
}

func setStaffPassword(ctx context.Context, n *Node, in StaffIn, _ report) (StaffOut, error) {
	m, err := n.Staff.ByLogin(ctx, in.Login)
	if err != nil {
		return StaffOut{}, err
	}
	_, otp, err := n.Staff.SetPassword(ctx, m.ID, in.Password)
	if err != nil {
		return StaffOut{}, err
	}
	out := staffOut(m)
	out.OTP = otp
	return out, nil
}

func listStaff(ctx context.Context, n *Node, _ struct{}, _ report) ([]StaffOut, error) {
	members, err := n.Staff.Members(ctx)
	if err != nil {
		return nil, err
	}
	list := []StaffOut{}
	for _, m := range members {
		creds, err := n.Staff.CredentialsOf(ctx, m.ID)
		if err != nil {
			return nil, err
		}
		s := staffOut(m)
		for _, c := range creds {
			s.Credentials = append(s.Credentials, CredentialOut{c.ID, c.Kind, !c.EndedAt.IsZero()})
		}
		list = append(list, s)
	}
	return list, nil
}

// ContainIn names what to end. A credential may be a member's login: all of
// theirs.
type ContainIn struct {
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	Why     string `json:"why"`
	DryRun  bool   `json:"dry_run"`
}

// ContainOut is what ended, or in a dry run would.
type ContainOut struct {
	Ended    []ContainedOut `json:"ended"`
	Sessions int            `json:"sessions"`
	Grants   int            `json:"grants"`
}

// ContainedOut is one containment. No disclosure by its subject has a larger
// ledger position.
type ContainedOut struct {
	ID       postern.ContainmentID `json:"id"`
	Kind     string                `json:"kind"`
	Subject  string                `json:"subject"`
	Position int64                 `json:"position"`
	Sessions int                   `json:"sessions"`
	Grants   int                   `json:"grants"`
	MS       float64               `json:"ms"`
}

func contain(ctx context.Context, n *Node, in ContainIn, _ report) (ContainOut, error) {
	subjects := []string{in.Subject}
	if in.Kind == "credential" {
		creds, err := n.credentials(ctx, in.Subject)
		if err != nil {
			return ContainOut{}, err
		}
		subjects = subjects[:0]
		for _, c := range creds {
			subjects = append(subjects, string(c))
		}
	}
	out := ContainOut{Ended: []ContainedOut{}}
	for _, s := range subjects {
		target := gate.Target{Kind: in.Kind, Subject: s, Why: in.Why}
		if in.DryRun {
			reach, err := n.Gate.Reach(ctx, target)
			if err != nil {
				return out, err
			}
			out.Sessions += reach.Sessions
			out.Grants += reach.Grants
			continue
		}
		c, err := n.Gate.Contain(ctx, gate.Actor{Name: "operator"}, target)
		if err != nil {
			return out, err
		}
		out.Sessions += len(c.Sessions)
		out.Grants += c.Grants
		out.Ended = append(out.Ended, ContainedOut{ID: c.ID, Kind: in.Kind, Subject: s, Position: c.Position, Sessions: len(c.Sessions), Grants: c.Grants, MS: float64(c.Took) / float64(time.Millisecond)})
	}
	return out, nil
}

// credentials reads a credential's id, or gives all those of a login.
func (n *Node) credentials(ctx context.Context, subject string) ([]postern.CredentialID, error) {
	m, err := n.Staff.ByLogin(ctx, subject)
	if postern.KindOf(err) == postern.NotFound || postern.KindOf(err) == postern.Invalid {
		return []postern.CredentialID{postern.CredentialID(subject)}, nil
	}
	if err != nil {
		return nil, err
	}
	list, err := n.Staff.CredentialsOf(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	var ids []postern.CredentialID
	for _, c := range list {
		if c.EndedAt.IsZero() {
			ids = append(ids, c.ID)
		}
	}
	if len(list) == 0 {
		return nil, &postern.Error{Kind: postern.NotFound, Text: "this member has no credential yet"}
	}
	if len(ids) == 0 {
		return nil, &postern.Error{Kind: postern.NotFound, Text: "every credential of this member has ended already"}
	}
	return ids, nil
}

// ScopeIn chooses disclosures.
type ScopeIn struct {
	Credentials []string  `json:"credentials"`
	Sessions    []string  `json:"sessions"`
	Since       time.Time `json:"since"`
	Until       time.Time `json:"until"`
	Name        bool      `json:"name"` // list the messages
}

// ScopeOut is what was shown.
type ScopeOut struct {
	Exposures   []ExposureOut `json:"exposures"`
	Messages    int           `json:"messages"`
	Disclosures int           `json:"disclosures"`
	Erased      int           `json:"erased"` // of accounts whose secret was destroyed since
}

// ExposureOut is what was shown of one account.
type ExposureOut struct {
	Account     postern.AccountID `json:"account"`
	Tier        string            `json:"tier"`
	Messages    int               `json:"messages"`
	Disclosures int               `json:"disclosures"`
	First       time.Time         `json:"first"`
	Last        time.Time         `json:"last"`
	Certainty   string            `json:"certainty"`
	Named       []NamedOut        `json:"named,omitempty"` // each message with its deepest tier, when asked for
}

// NamedOut is one message that was shown.
type NamedOut struct {
	Message postern.MessageID `json:"message"`
	Tier    string            `json:"tier"`
}

func exposed(ctx context.Context, n *Node, in ScopeIn, _ report) (ScopeOut, error) {
	out := ScopeOut{Exposures: []ExposureOut{}}
	if len(in.Credentials)+len(in.Sessions) == 0 {
		return out, invalid("scope needs a credential or a session to look for")
	}
	s := scope.Selector{Since: in.Since, Until: in.Until}
	for _, id := range in.Sessions {
		s.Sessions = append(s.Sessions, postern.SessionID(id))
	}
	for _, subject := range in.Credentials {
		ids, err := n.credentials(ctx, subject)
		if postern.KindOf(err) == postern.NotFound {
			ids, err = n.endedToo(ctx, subject)
		}
		if err != nil {
			return out, err
		}
		s.Credentials = append(s.Credentials, ids...)
	}
	exposures, totals, err := n.Response.Find(ctx, s)
	if err != nil {
		return out, err
	}
	out.Messages, out.Disclosures, out.Erased = totals.Messages, totals.Disclosures, totals.Erased
	for _, e := range exposures {
		x := ExposureOut{Account: e.Account, Tier: e.Tier.String(), Messages: len(e.Messages), Disclosures: len(e.Disclosures),
			First: e.First, Last: e.Last, Certainty: e.Certainty}
		if in.Name {
			for _, m := range e.Messages {
				x.Named = append(x.Named, NamedOut{m.ID, tierOf(m.Fields).String()})
			}
		}
		out.Exposures = append(out.Exposures, x)
	}
	return out, nil
}

// tierOf is the shallowest tier that may show all of the fields.
func tierOf(f postern.Field) postern.Tier {
	for _, t := range postern.Tiers {
		if f&^t.Fields() == 0 {
			return t
		}
	}
	return postern.TierAttachment
}

// endedToo gives every credential of a login, ended ones included: what was
// done with them does not go away.
func (n *Node) endedToo(ctx context.Context, login string) ([]postern.CredentialID, error) {
	m, err := n.Staff.ByLogin(ctx, login)
	if err != nil {
		return nil, err
	}
	list, err := n.Staff.CredentialsOf(ctx, m.ID)
	var ids []postern.CredentialID
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	if err == nil && len(ids) == 0 {
		err = errors.New("this member never had a credential")
	}
	return ids, err
}
