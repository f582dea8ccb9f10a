package queue

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail"
)

// bounce puts a report into the sender's own mailbox about the recipients whose
// fate is final.
func (q *Queue) bounce(ctx context.Context, b *batch, outcomes []outcome) error {
	var failed []outcome
	for _, o := range outcomes {
		if o.final && !o.done {
			failed = append(failed, o)
		}
	}
	if len(failed) == 0 || b.sender == "" {
		return nil
	}
	a, err := q.Accounts.ByID(ctx, b.accountID())
	if postern.KindOf(err) == postern.NotFound {
		return nil // nobody is left to tell
	}
	if err != nil {
		return err
	}
	raw := q.report(b, a.Locale, failed)
	// The null sender: a bounce never bounces (RFC 5321, 4.5.5).
	return q.Mail.Deliver(context.WithoutCancel(ctx), mail.Delivery{To: []postern.AccountID{a.ID}, Raw: raw, Remote: "queue"})
}

var bounceWords = map[string]struct{ subject, first, rest string }{
	"en": {"Your message was not delivered", "Your message could not be delivered to:", "Nothing more is tried. The first lines of your message are attached."},
	"fr": {"Votre message n’a pas été remis", "Votre message n’a pas pu être remis à :", "Aucun autre essai ne sera fait. Les premières lignes de votre message sont jointes."},
}

// report writes a delivery status notification (RFC 3464) in three parts: for
// people, for programs, and the header of what was sent.
func (q *Queue) report(b *batch, locale string, failed []outcome) []byte {
	words, ok := bounceWords[locale]
	if !ok {
		words = bounceWords["en"]
	}
	boundary := "=_" + postern.NewID()
	now := q.Now()
	var w bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&w, format+"\r\n", args...) }
	line("From: <mailer-daemon@%s>", q.Hostname)
	line("To: <%s>", b.sender)
	line("Subject: %s", mime.QEncoding.Encode("utf-8", words.subject))
	line("Date: %s", now.Format(time.RFC1123Z))
	line("Message-ID: <%s@%s>", postern.NewID(), q.Hostname)
	line("Auto-Submitted: auto-replied") // RFC 3834
	line("MIME-Version: 1.0")
	line("Content-Type: multipart/report; report-type=delivery-status; boundary=\"%s\"", boundary)
	line("")
	line("--%s", boundary)
	line("Content-Type: text/plain; charset=utf-8")
	line("Content-Transfer-Encoding: 8bit")
	line("")
	line("%s", words.first)
	line("")
	for _, o := range failed {
		line("  %s", o.address)
		line("    %s", oneLine(strings.TrimSpace(o.host+" "+o.reply)))
	}
	line("")
	line("%s", words.rest)
	line("")
	line("--%s", boundary)
	line("Content-Type: message/delivery-status")
	line("")
	line("Reporting-MTA: dns; %s", q.Hostname)
	line("Arrival-Date: %s", time.UnixMilli(failed[0].at).UTC().Format(time.RFC1123Z))
	for _, o := range failed {
		line("")
		line("Final-Recipient: rfc822; %s", o.address)
		line("Action: failed")
		line("Status: %s", status(o.reply))
		if o.host != "" {
			line("Remote-MTA: dns; %s", o.host)
			line("Diagnostic-Code: smtp; %s", o.reply)
		}
		line("Last-Attempt-Date: %s", now.UTC().Format(time.RFC1123Z))
	}
	line("")
	line("--%s", boundary)
	line("Content-Type: text/rfc822-headers")
	line("")
	w.Write(headerOf(b.raw))
	line("")
	line("--%s--", boundary)
	return w.Bytes()
}

// status gives the enhanced code of a reply, or a general one. A temporary
// refusal that lasted five days is a final one (RFC 3463, 3.5: 4.7).
func status(reply string) string {
	fields := strings.Fields(reply)
	if len(fields) > 1 && strings.Count(fields[1], ".") == 2 && strings.Trim(fields[1], "0123456789.") == "" {
		return "5" + fields[1][1:]
	}
	return "5.0.0"
}

// headerOf is the message up to its empty line, at most 64 KiB of it.
func headerOf(raw []byte) []byte {
	end := len(raw)
	if i := bytes.Index(raw, []byte("\r\n\r\n")); i >= 0 {
		end = i + 2
	}
	return raw[:min(end, 64<<10)]
}
