// Package rules is the support desk's rule pack: Sigma files that anybody can
// read, change and use elsewhere, and the fields they speak of.
//
// It keeps nothing.
//
// Trust: what these files say decides what is noticed. Each alert names the
// version of the rule that raised it.
package rules

import (
	"embed"
	"io/fs"

	"github.com/postern-mail/postern/response/sigma"
)

//go:embed *.yml
var files embed.FS

// Pack reads the pack.
func Pack() (docs []sigma.Document, err error) {
	names, err := fs.Glob(files, "*.yml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		more, err := sigma.Parse(name, text)
		if err != nil {
			return nil, err
		}
		docs = append(docs, more...)
	}
	return docs, nil
}

// The feeds, as logsource's service names them.
const (
	Staff uint8 = 0 // sign-ins, and what changes members
	Gate  uint8 = 1 // the ledger: what was asked, shown, refused, ended
)

// The places of the fields in an event's values.
const (
	Action = iota
	Member
	Organisation
	Credential
	Session
	Network
	Method
	NetworkNew
	SessionNetworkNew
	FirstSignIn
	IdleDays
	Shift
	Hours
	HourNew
	Account
	Tier
	TierNumber
	Messages
	Guarded
	Honey
	VIP
	Colleague
	Namesake
	HasCase
	CaseOwn
	CaseWorked
	CaseAgeMinutes
	Grant
	Reason
	Approver
	AnswerSeconds
	Emergency
	Subject
	Token
	count
)

// Schema is what rules can speak of; docs/detection.md says what each field
// means.
var Schema = sigma.Schema{Product: "postern", Services: map[string]uint8{"staff": Staff, "gate": Gate}, Fields: []sigma.Field{
	Action: {Name: "action"}, Member: {Name: "staff"}, Organisation: {Name: "organisation"}, Credential: {Name: "credential"}, Session: {Name: "session"},
	Network: {Name: "network"}, Method: {Name: "method"}, NetworkNew: {Name: "network_new", Kind: sigma.Truth},
	SessionNetworkNew: {Name: "session_network_new", Kind: sigma.Truth}, FirstSignIn: {Name: "first_sign_in", Kind: sigma.Truth},
	IdleDays: {Name: "idle_days", Kind: sigma.Number}, Shift: {Name: "shift"}, Hours: {Name: "hours"}, HourNew: {Name: "hour_new", Kind: sigma.Truth},
	Account: {Name: "account"}, Tier: {Name: "tier"}, TierNumber: {Name: "tier_number", Kind: sigma.Number}, Messages: {Name: "messages", Kind: sigma.Number},
	Guarded: {Name: "guarded", Kind: sigma.Number}, Honey: {Name: "honey", Kind: sigma.Truth}, VIP: {Name: "vip", Kind: sigma.Truth},
	Colleague: {Name: "colleague", Kind: sigma.Truth}, Namesake: {Name: "namesake", Kind: sigma.Truth}, HasCase: {Name: "has_case", Kind: sigma.Truth},
	CaseOwn: {Name: "case_own", Kind: sigma.Truth}, CaseWorked: {Name: "case_worked", Kind: sigma.Truth}, CaseAgeMinutes: {Name: "case_age_minutes", Kind: sigma.Number},
	Grant: {Name: "grant"}, Reason: {Name: "reason"}, Approver: {Name: "approver"}, AnswerSeconds: {Name: "answer_seconds", Kind: sigma.Number},
	Emergency: {Name: "emergency", Kind: sigma.Truth}, Subject: {Name: "subject"}, Token: {Name: "token", Kind: sigma.Truth},
}}

// Fields is how many there are.
const Fields = count
