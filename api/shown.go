package api

import (
	"time"

	"github.com/postern-mail/postern"
)

// Account is what the tier account shows of one; only the disclosure's fields
// are set.
type Account struct {
	Address    string     `json:"address,omitempty"`
	Status     string     `json:"status,omitempty" enum:"active,frozen"`
	Locale     string     `json:"locale,omitempty"`
	Created    *time.Time `json:"created,omitempty"`
	UsedBytes  int64      `json:"used_bytes"`
	QuotaBytes int64      `json:"quota_bytes"`
	Messages   int        `json:"messages"`
	SignIns    []SignIn   `json:"sign_ins,omitempty"`
	Queued     int        `json:"queued" doc:"Messages waiting to go out."`
	Bounced    int        `json:"bounced" doc:"Messages that came back within seven days."`
	Forwarding bool       `json:"forwarding" doc:"A rule forwards mail; not where to."`
	Filters    int        `json:"filters" doc:"How many filter rules are on; not what they do."`
	Rules      []Rule     `json:"rules,omitempty" doc:"What they do: the field rule-targets alone."`
}

// SignIn is one attempt to get into an account.
type SignIn struct {
	At       time.Time `json:"at"`
	Protocol string    `json:"protocol" enum:"web,imap,submission"`
	Network  string    `json:"network"`
	Result   string    `json:"result"`
}

// Rule is one rule that a customer's mail is sorted by.
type Rule struct {
	When   string `json:"when"`
	Does   string `json:"does"`
	Target string `json:"target,omitempty"`
}

// Event is one thing that happened to one message on its way.
type Event struct {
	At       time.Time         `json:"at"`
	Message  postern.MessageID `json:"message,omitempty"`
	Event    string            `json:"event"`
	Sender   string            `json:"sender,omitempty"`
	Verdicts string            `json:"verdicts,omitempty" example:"spf=pass dkim=fail dmarc=fail"`
	Mailbox  string            `json:"mailbox,omitempty"`
	Detail   string            `json:"detail,omitempty"`
}

// Message is one message, with the fields that were shown of it.
type Message struct {
	ID          postern.MessageID `json:"id"`
	Masked      bool              `json:"masked,omitempty" doc:"It opens other doors, and the customer did not agree to this very message: nothing else is set."`
	Given       []string          `json:"given,omitempty" doc:"The fields that it shows, a masked one none."`
	Mailbox     string            `json:"mailbox,omitempty"`
	From        []string          `json:"from,omitempty"`
	To          []string          `json:"to,omitempty"`
	Subject     string            `json:"subject,omitempty"`
	Date        *time.Time        `json:"date,omitempty"`
	Size        int64             `json:"size,omitempty"`
	Plain       string            `json:"plain,omitempty"`
	HTML        string            `json:"html,omitempty" doc:"The sender's: make it safe before showing it."`
	Attachments []Attachment      `json:"attachments,omitempty"`
	Source      []byte            `json:"source,omitempty"`
}

// Attachment is one attachment of a message.
type Attachment struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Bytes []byte `json:"bytes"`
}

func accountOf(a *postern.ShownAccount) *Account {
	if a == nil {
		return nil
	}
	out := &Account{Address: a.Address, Status: a.Status, Locale: a.Locale, Created: when(a.Created), UsedBytes: a.UsedBytes, QuotaBytes: a.QuotaBytes,
		Messages: a.Messages, Queued: a.Queued, Bounced: a.Bounced, Forwarding: a.Forwarding, Filters: a.Filters}
	for _, s := range a.SignIns {
		out.SignIns = append(out.SignIns, SignIn(s))
	}
	for _, r := range a.Rules {
		out.Rules = append(out.Rules, Rule(r))
	}
	return out
}

func eventsOf(all []postern.TraceEvent) []Event {
	return mapped(all, func(e postern.TraceEvent) Event {
		return Event{At: e.At, Message: e.Message, Event: e.Event, Sender: e.Sender, Verdicts: e.Verdicts, Mailbox: e.Mailbox, Detail: e.Detail}
	}).Items
}

func messagesOf(all []postern.ShownMessage) []Message {
	return mapped(all, func(m postern.ShownMessage) Message {
		out := Message{ID: m.ID, Masked: m.Masked, Given: m.Given.Names(), Mailbox: m.Mailbox, From: m.From, To: m.To, Subject: m.Subject, Date: when(m.Date), Size: m.Size,
			Plain: m.Plain, HTML: m.HTML, Source: m.Source}
		for _, a := range m.Attachments {
			out.Attachments = append(out.Attachments, Attachment(a))
		}
		return out
	}).Items
}
