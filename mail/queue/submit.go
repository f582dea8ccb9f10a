package queue

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/message"
)

// recipientsMost bounds one submission (RFC 5321, 4.5.3.1.8, asks for 100).
const recipientsMost = 500

// Submit takes a message of a customer. When it returns nil, recipients in this
// house have it and the others' rows are durable. sender is the envelope's, the
// account's own address. NotFound names the recipient nobody here has; nothing
// was sent then.
func (q *Queue) Submit(ctx context.Context, from postern.AccountID, sender string, recipients []string, raw []byte) error {
	if len(recipients) == 0 || len(recipients) > recipientsMost {
		return &postern.Error{Kind: postern.Invalid, Key: "mail.send.recipients", Text: fmt.Sprintf("name between 1 and %d recipients", recipientsMost)}
	}
	if bareCR(raw) {
		return &postern.Error{Kind: postern.Invalid, Key: "mail.send.lines", Text: "the message has a carriage return inside a line: end every line with CR LF"}
	}
	local, remote, err := q.sort(ctx, recipients)
	if err != nil {
		return err
	}
	if len(remote) > 0 {
		if err := q.enqueue(ctx, from, sender, remote, raw); err != nil {
			return err
		}
	}
	if len(local) == 0 {
		return nil
	}
	var to []postern.AccountID
	var addresses []string
	for address, id := range local {
		to, addresses = append(to, id), append(addresses, address)
	}
	err = q.Mail.Deliver(ctx, mail.Delivery{To: to, Sender: sender, Raw: raw, Remote: "submission"})
	if err == nil {
		q.trace(ctx, from, "sent", sender, raw, toWords(addresses)+"delivered in this house")
		return nil
	}
	if len(remote) == 0 {
		return err
	}
	// The others' copies are on their way: refusing now would send them twice.
	return q.enqueue(ctx, from, sender, addresses, raw)
}

// sort divides the recipients and finds the customers among them.
func (q *Queue) sort(ctx context.Context, recipients []string) (local map[string]postern.AccountID, remote []string, err error) {
	local = map[string]postern.AccountID{}
	seen := map[string]bool{}
	for _, r := range recipients {
		domain, err := domainOf(r)
		if err != nil {
			return nil, nil, err
		}
		here, err := q.Accounts.Local(ctx, domain)
		if err != nil {
			return nil, nil, err
		}
		if !here {
			if !seen[r] {
				seen[r] = true
				remote = append(remote, r)
			}
			continue
		}
		a, err := q.Accounts.ByAddress(ctx, r)
		if err != nil {
			return nil, nil, err
		}
		local[a.Address] = a.ID
	}
	return local, remote, nil
}

// bareCR finds a CR that ends no line: some servers take it for the end of one,
// and so a second message could hide in the first.
func bareCR(raw []byte) bool {
	for i, c := range raw {
		if c == '\r' && (i+1 == len(raw) || raw[i+1] != '\n') {
			return true
		}
	}
	return false
}

func domainOf(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || at == len(address)-1 || strings.ContainsAny(address, "\r\n\x00<> ") {
		return "", &postern.Error{Kind: postern.Invalid, Key: "account.invalid.address", Text: "write an address such as ana@outlook.example"}
	}
	return strings.ToLower(address[at+1:]), nil
}

func (q *Queue) enqueue(ctx context.Context, from postern.AccountID, sender string, recipients []string, raw []byte) error {
	acc, err := key(string(from))
	if err != nil {
		return err
	}
	id, err := key(postern.NewID())
	if err != nil {
		return err
	}
	err = q.DB.Update(ctx, func(tx *db.Tx) error { return q.insert(tx, acc, id, sender, recipients, raw) })
	if err != nil {
		return fmt.Errorf("couldn't queue the message: %w", err)
	}
	q.trace(ctx, from, "queued", sender, raw, toWords(recipients)+fmt.Sprintf("%d recipients", len(recipients)))
	return nil
}

func (q *Queue) insert(tx *db.Tx, acc, id []byte, sender string, recipients []string, raw []byte) error {
	now := q.Now().UnixMilli()
	if err := tx.ExecOne("INSERT INTO mail_queue_message (account, id, sender, at, raw) VALUES (?1, ?2, ?3, ?4, ?5)", acc, id, sender, now, raw); err != nil {
		return err
	}
	for _, r := range recipients {
		domain, err := domainOf(r)
		if err != nil {
			return err
		}
		if err := tx.ExecOne("INSERT INTO mail_queue_recipient (account, message, recipient, domain, at, due) VALUES (?1, ?2, ?3, ?4, ?5, ?5)", acc, id, r, domain, now); err != nil {
			return err
		}
	}
	tx.AfterCommit(q.wake)
	return nil
}

// Forward queues, in tx, what a customer's rules send on: recipients of this
// house too, so that nothing is delivered inside another delivery. A recipient
// that nobody here has is a bounce to the customer.
func (q *Queue) Forward(tx *db.Tx, from postern.AccountID, sender string, recipients []string, raw []byte) error {
	acc, err := key(string(from))
	if err != nil {
		return err
	}
	id, err := key(postern.NewID())
	if err != nil {
		return err
	}
	return q.insert(tx, acc, id, sender, recipients, raw)
}

// Waiting counts the messages of an account that wait to go out.
func (q *Queue) Waiting(ctx context.Context, from postern.AccountID) (n int, err error) {
	acc, err := key(string(from))
	if err != nil {
		return 0, err
	}
	err = q.DB.View(ctx, func(tx *db.Tx) error {
		return tx.Row("SELECT count(*) FROM mail_queue_message WHERE account = ?1", db.Args(acc), &n)
	})
	return n, err
}

// toMost bounds the recipients that one row of the trace names.
const toMost = 20

// toWords names recipients before the rest of a trace's detail: "to=bo@msn.example ".
// Support is shown a name only where the customer named it.
func toWords(recipients []string) string {
	var b strings.Builder
	for _, r := range recipients[:min(len(recipients), toMost)] {
		b.WriteString("to=" + strings.ToLower(r) + " ")
	}
	return b.String()
}

// trace writes what happened for the sender to ask about later. The message is
// on its way already, so a failure is logged and nothing more.
func (q *Queue) trace(ctx context.Context, of postern.AccountID, event, sender string, raw []byte, detail string) {
	t := store.Trace{TraceEvent: postern.TraceEvent{At: q.Now(), Event: event, Sender: sender, Detail: detail}}
	if m, err := message.Parse(raw); err == nil {
		t.MessageIDHeader = m.Header.Get("Message-ID")
	}
	if err := q.store.Trace(context.WithoutCancel(ctx), of, t); err != nil {
		q.Log.Error("a step of a message could not be written down", "event", event, "error", err)
	}
}

// again says when to try after so many tries, from RFC 5321, 4.5.4.1: soon at
// first, then at least every 30 minutes and at last a few times a day.
func again(tries int) time.Duration {
	steps := []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour}
	if tries < len(steps) {
		return steps[tries]
	}
	return 6 * time.Hour
}

// giveUp is how long a message is tried (RFC 5321, 4.5.4.1: at least 4–5 days).
const giveUp = 5 * 24 * time.Hour
