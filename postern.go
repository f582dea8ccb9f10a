// Package postern holds the nouns of the product: identifiers, tiers, reasons,
// fields and the kinds of error. Every other package may import it; it imports
// the standard library alone and does nothing but name things.
//
// A postern is the small back gate of a fortress. In a mail service it is the
// support desk. Read the types in the order they stand here and you have read
// the product:
//
// An [AccountID] has messages, each a [MessageID]. A member of staff, a
// [StaffID] of an [OrganisationID], signs in with a [CredentialID] and gets a
// [SessionID]. For a [CaseID] the session asks for a [GrantID] at a [Tier] with
// a [Reason]. What is shown under a grant is a set of [Field]s, and each showing
// is a [DisclosureID] in the ledger before it is shown.
package postern

// AccountID names a customer's account for life, whatever its address becomes:
// 32 lower-case hexadecimal digits of 16 random bytes,
// "6f1e0c5b7a9d4e2f8b3c1d0e9f8a7b6c".
type AccountID string

// MailboxID names a folder of an account and survives a rename (RFC 8474, 4):
// 32 hexadecimal digits.
type MailboxID string

// MessageID names one stored message (the EMAILID of RFC 8474, 5.1), not its
// Message-ID header: 32 hexadecimal digits, sorted by time of arrival.
type MessageID string

// StaffID names a member of staff: 32 hexadecimal digits. Nobody is staff and
// customer in one table.
type StaffID string

// OrganisationID names who employs a member of staff: the provider, or an
// outsourcer: a short word such as "provider" or "helpline".
type OrganisationID string

// CredentialID names one way in of one member of staff: a passkey, a password
// with TOTP: 32 hexadecimal digits. It is what containment ends.
type CredentialID string

// SessionID names one sign-in of a member of staff, not the secret in its
// cookie: 32 hexadecimal digits.
type SessionID string

// CaseID names a support case: 32 hexadecimal digits. People say its number.
type CaseID string

// GrantID names a permission to reach one account for one case at one tier:
// 32 hexadecimal digits.
type GrantID string

// RequestID names what an agent asked for, before anybody agreed: 32
// hexadecimal digits.
type RequestID string

// DisclosureID names one record of something about to be shown: 32 hexadecimal
// digits.
type DisclosureID string

// ContainmentID names one ending of access: 32 hexadecimal digits.
type ContainmentID string

// IncidentID, AlertID and NoticeID name the response centre's objects: 32
// hexadecimal digits each.
type (
	IncidentID string
	AlertID    string
	NoticeID   string
)

// Tier is the depth of an access. Deeper is greater, and a grant at one tier
// covers the shallower ones.
type Tier uint8

// The tiers, in the numbers the ledger writes (LEDGER.md, "Leaves").
const (
	TierNone       Tier = 0 // shows nothing
	TierAccount    Tier = 1 // status, quota, sign-in results
	TierTrace      Tier = 2 // what happened to one message; no subject
	TierEnvelope   Tier = 3 // mailbox names, addresses, subjects, dates, sizes
	TierContent    Tier = 4 // body text
	TierAttachment Tier = 5 // attachments and raw source
)

// Tiers lists the tiers from the shallowest.
var Tiers = [...]Tier{TierAccount, TierTrace, TierEnvelope, TierContent, TierAttachment}

var tierNames = [...]string{"none", "account", "trace", "envelope", "content", "attachment"}

// String gives the tier's name as it stands in policy files and pages' keys.
func (t Tier) String() string {
	if int(t) < len(tierNames) {
		return tierNames[t]
	}
	return "unknown"
}

// TierNamed is the inverse of [Tier.String]; ok is false for any other word.
func TierNamed(name string) (t Tier, ok bool) {
	for _, t := range Tiers {
		if t.String() == name {
			return t, true
		}
	}
	return TierNone, false
}

// Reason is why an access is asked for: one of five codes, the ones that
// providers' access logs already use.
type Reason uint8

// The reasons, in the numbers the ledger writes.
const (
	ReasonSupport    Reason = 1 // customer-support
	ReasonService    Reason = 2 // provider-service
	ReasonReview     Reason = 3 // provider-review
	ReasonLegal      Reason = 4 // third-party-legal-request
	ReasonProduction Reason = 5 // production-alert
)

// Reasons lists the reasons in the order a form offers them.
var Reasons = [...]Reason{ReasonSupport, ReasonService, ReasonReview, ReasonLegal, ReasonProduction}

var reasonNames = [...]string{"none", "customer-support", "provider-service", "provider-review", "third-party-legal-request", "production-alert"}

// String gives the reason's code.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}

// ReasonNamed is the inverse of [Reason.String].
func ReasonNamed(name string) (r Reason, ok bool) {
	for _, r := range Reasons {
		if r.String() == name {
			return r, true
		}
	}
	return 0, false
}

// Field is a set of the things a disclosure shows, one bit each. The bits are
// part of the ledger's records and never change meaning.
type Field uint32

// The fields, each in the shallowest tier that may show it.
const (
	FieldStatus        Field = 1 << 0  // account: standing, created, language
	FieldQuota         Field = 1 << 1  // account: used and allowed bytes, message count
	FieldSignIns       Field = 1 << 2  // account: times and results of sign-ins
	FieldQueue         Field = 1 << 3  // account: messages waiting to go out
	FieldRules         Field = 1 << 4  // account: that forwarding and filter rules exist
	FieldTrace         Field = 1 << 5  // trace: times, verdicts, where it went
	FieldMailboxes     Field = 1 << 8  // envelope: mailbox names
	FieldFrom          Field = 1 << 9  // envelope: From, Sender, Reply-To
	FieldTo            Field = 1 << 10 // envelope: To, Cc
	FieldSubject       Field = 1 << 11 // envelope
	FieldDate          Field = 1 << 12 // envelope
	FieldSize          Field = 1 << 13 // envelope
	FieldFromMasked    Field = 1 << 14 // envelope: FieldFrom, the local parts masked: "•••@bank.example"
	FieldToMasked      Field = 1 << 15 // envelope: FieldTo, the local parts masked
	FieldSubjectMasked Field = 1 << 17 // envelope: FieldSubject, every digit masked: "Order •••• of •• May"
	FieldRuleTargets   Field = 1 << 18 // envelope: what the filter and forwarding rules do, and to which address
	FieldBody          Field = 1 << 16 // content: body text
	FieldAttachments   Field = 1 << 20 // attachment: names, types, bytes
	FieldSource        Field = 1 << 21 // attachment: the raw message
)

// Fields gives every field that a tier may show, shallower tiers' included.
func (t Tier) Fields() Field {
	const (
		account  = FieldStatus | FieldQuota | FieldSignIns | FieldQueue | FieldRules
		trace    = account | FieldTrace
		envelope = trace | FieldMailboxes | FieldFrom | FieldTo | FieldSubject | FieldDate | FieldSize |
			FieldFromMasked | FieldToMasked | FieldSubjectMasked | FieldRuleTargets
		content = envelope | FieldBody
		all     = content | FieldAttachments | FieldSource
	)
	return [...]Field{0, account, trace, envelope, content, all}[min(t, TierAttachment)]
}

var fieldNames = []struct {
	bit  Field
	name string
}{
	{FieldStatus, "status"}, {FieldQuota, "quota"}, {FieldSignIns, "sign-ins"}, {FieldQueue, "queue"}, {FieldRules, "rules"},
	{FieldTrace, "trace"}, {FieldMailboxes, "mailboxes"}, {FieldFrom, "from"}, {FieldTo, "to"}, {FieldSubject, "subject"},
	{FieldDate, "date"}, {FieldSize, "size"}, {FieldFromMasked, "from-masked"}, {FieldToMasked, "to-masked"},
	{FieldBody, "body"}, {FieldSubjectMasked, "subject-masked"}, {FieldRuleTargets, "rule-targets"}, {FieldAttachments, "attachments"}, {FieldSource, "source"},
}

// Names lists the fields of a set by name, in the order of their bits.
func (f Field) Names() []string {
	var names []string
	for _, n := range fieldNames {
		if f&n.bit != 0 {
			names = append(names, n.name)
		}
	}
	return names
}
