package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail"
)

// send tries a batch once and writes down what came of it. It is false when
// that failed, and the batch is due as before.
func (q *Queue) send(ctx context.Context, b *batch) bool {
	if err := q.load(ctx, b); err != nil {
		if ctx.Err() == nil {
			q.Log.Error("a queued message could not be read", "error", err)
		}
		return false
	}
	var outcomes []outcome
	if b.local {
		outcomes = q.deliver(ctx, b)
	} else {
		outcomes = q.relay(ctx, b)
	}
	if ctx.Err() != nil && !slices.ContainsFunc(outcomes, func(o outcome) bool { return o.done || o.final }) {
		return false // cut off, not failed
	}
	for i, o := range outcomes {
		if !o.done && q.Now().UnixMilli()-o.at >= giveUp.Milliseconds() {
			outcomes[i].final = true
		}
	}
	// The bounce comes before the rows go: twice is better than never.
	if err := q.bounce(ctx, b, outcomes); err != nil {
		q.Log.Error("a bounce could not be delivered; the message stays queued", "error", err)
		for i := range outcomes {
			outcomes[i].final = false
		}
	}
	for _, o := range outcomes {
		if o.done {
			q.trace(ctx, b.accountID(), "sent", b.sender, b.raw, toWords([]string{o.address})+strings.TrimSpace(o.host+" "+o.reply))
		} else if o.final {
			q.trace(ctx, b.accountID(), "bounced", b.sender, b.raw, toWords([]string{o.address})+strings.TrimSpace(o.host+" "+o.reply))
		} else {
			q.trace(ctx, b.accountID(), "deferred", b.sender, b.raw, toWords([]string{o.address})+strings.TrimSpace(o.host+" "+o.reply))
		}
	}
	if err := q.settle(ctx, b, outcomes); err != nil {
		q.Log.Error("what became of a queued message could not be written down", "error", err)
		return false
	}
	return true
}

// deliver tries again within this house.
func (q *Queue) deliver(ctx context.Context, b *batch) (outcomes []outcome) {
	for _, r := range b.recipients {
		o := outcome{recipient: r}
		a, err := q.Accounts.ByAddress(ctx, r.address)
		if err == nil {
			err = q.Mail.Deliver(ctx, mail.Delivery{To: []postern.AccountID{a.ID}, Sender: b.sender, Raw: b.raw, Remote: "submission"})
		}
		switch {
		case err == nil:
			o.done, o.reply = true, "250 2.0.0 delivered"
		case postern.KindOf(err) == postern.NotFound:
			o.final, o.reply = true, "550 5.1.1 no such mailbox here"
		case postern.KeyOf(err) == "mail.quota-full":
			o.reply = "452 4.2.2 the mailbox is full"
		default:
			o.reply = "451 4.3.0 not now"
		}
		outcomes = append(outcomes, o)
	}
	return outcomes
}

// all gives every recipient one fate.
func (b *batch) all(final bool, host, reply string) (outcomes []outcome) {
	for _, r := range b.recipients {
		outcomes = append(outcomes, outcome{recipient: r, final: final, host: host, reply: reply})
	}
	return outcomes
}

// relay hands the batch to the first server that takes it, in the order of RFC
// 5321, 5.1.
func (q *Queue) relay(ctx context.Context, b *batch) []outcome {
	servers, err := q.servers(ctx, b.domain)
	if err != nil {
		var none *noServer
		if errors.As(err, &none) {
			return b.all(true, "", none.reply)
		}
		return b.all(false, "", "451 4.4.3 the servers of the domain could not be looked up")
	}
	last := b.all(false, "", "451 4.4.1 no server of the domain answered")
	for _, server := range servers {
		outcomes, answered := q.try(ctx, server, b)
		if answered {
			return outcomes
		}
		if outcomes != nil {
			last = outcomes // a greeting that refused us, say
		}
	}
	return last
}

// try gives the batch to one server; answered is false when the next one may be
// well. The connection ends with it, or with ctx: leaving leadership ends
// conversations.
func (q *Queue) try(ctx context.Context, server string, b *batch) (outcomes []outcome, answered bool) {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	c, host, err := q.dial(ctx, server)
	if err != nil {
		if reply, said := replyOf(err); said {
			return b.all(false, host, reply), false
		}
		return nil, false
	}
	return q.transact(c, host, b), true
}

// noServer says that no mail for the domain can ever be delivered as it stands.
type noServer struct{ reply string }

func (e *noServer) Error() string { return e.reply }

// servers lists host:port in the order to try.
func (q *Queue) servers(ctx context.Context, domain string) ([]string, error) {
	if q.smarthost != "" {
		return []string{q.smarthost}, nil
	}
	records, err := q.Resolver.LookupMX(ctx, domain)
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		// RFC 5321, 5.1: without MX the domain itself, if it has an address.
		if _, err := q.Resolver.LookupHost(ctx, domain); errors.As(err, &dns) && dns.IsNotFound {
			return nil, &noServer{"550 5.1.2 the domain does not exist or takes no mail"}
		} else if err != nil {
			return nil, err
		}
		return []string{net.JoinHostPort(domain, q.Port)}, nil
	}
	if err != nil && len(records) == 0 {
		return nil, err
	}
	if len(records) == 1 && strings.TrimSuffix(records[0].Host, ".") == "" {
		return nil, &noServer{"556 5.1.10 the domain says that it takes no mail"} // RFC 7505
	}
	slices.SortStableFunc(records, func(a, b *net.MX) int { return cmp.Compare(a.Pref, b.Pref) })
	var servers []string
	for _, mx := range records {
		servers = append(servers, net.JoinHostPort(strings.TrimSuffix(mx.Host, "."), q.Port))
	}
	return servers[:min(len(servers), 5)], nil
}

// dial connects and says hello, with TLS where it is offered and works. The
// connection is closed when ctx ends.
func (q *Queue) dial(ctx context.Context, server string) (c *smtp.Client, host string, err error) {
	host, _, err = net.SplitHostPort(server)
	if err != nil {
		return nil, "", err
	}
	hello := func(start func(net.Conn) (*smtp.Client, error)) (*smtp.Client, error) {
		d := net.Dialer{Timeout: 30 * time.Second}
		conn, err := d.DialContext(ctx, "tcp", server)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { conn.Close() })
		c, err := start(conn)
		if err == nil {
			err = c.Hello(q.Hostname) // the handshake happens here
		}
		if err != nil {
			conn.Close()
			return nil, err
		}
		return c, nil
	}
	cfg := q.TLS.Clone()
	cfg.ServerName = host
	c, err = hello(func(conn net.Conn) (*smtp.Client, error) { return smtp.NewClientStartTLS(conn, cfg) })
	if err == nil {
		return c, host, nil
	}
	c, err = hello(func(conn net.Conn) (*smtp.Client, error) { return smtp.NewClient(conn), nil })
	return c, host, err
}

// transact sends the batch's message and ends the connection.
func (q *Queue) transact(c *smtp.Client, host string, b *batch) []outcome {
	defer c.Close()
	fate := func(err error) []outcome {
		reply, _ := replyOf(err)
		return b.all(strings.HasPrefix(reply, "5"), host, reply)
	}
	var opts smtp.MailOptions
	if ok, _ := c.Extension("8BITMIME"); ok {
		opts.Body = smtp.Body8BitMIME
	}
	if ok, _ := c.Extension("SIZE"); ok {
		opts.Size = int64(len(b.raw))
	}
	if err := c.Mail(b.sender, &opts); err != nil {
		return fate(err)
	}
	outcomes := b.all(false, host, "")
	taken := 0
	for i, r := range b.recipients {
		if err := c.Rcpt(r.address, nil); err != nil {
			reply, _ := replyOf(err)
			outcomes[i].reply, outcomes[i].final = reply, strings.HasPrefix(reply, "5")
			continue
		}
		taken++
	}
	if taken == 0 {
		_ = c.Quit()
		return outcomes
	}
	reply, err := data(c, b.raw)
	final := false
	if err != nil {
		reply, _ = replyOf(err)
		final = strings.HasPrefix(reply, "5")
	} else {
		_ = c.Quit()
	}
	for i := range outcomes {
		if outcomes[i].reply == "" {
			outcomes[i].done, outcomes[i].final, outcomes[i].reply = err == nil, final, reply
		}
	}
	return outcomes
}

func data(c *smtp.Client, raw []byte) (reply string, err error) {
	w, err := c.Data()
	if err != nil {
		return "", err
	}
	if _, err := w.Write(raw); err != nil {
		return "", err
	}
	answer, err := w.CloseWithResponse()
	if err != nil {
		return "", err
	}
	return "250 " + oneLine(answer.StatusText), nil
}

// replyOf gives an error as an SMTP reply; answered says that the server's.
func replyOf(err error) (reply string, answered bool) {
	var e *smtp.SMTPError
	if errors.As(err, &e) {
		enhanced := ""
		if e.EnhancedCode[0] > 0 {
			enhanced = fmt.Sprintf("%d.%d.%d ", e.EnhancedCode[0], e.EnhancedCode[1], e.EnhancedCode[2])
		}
		return oneLine(fmt.Sprintf("%03d %s%s", e.Code, enhanced, e.Message)), true
	}
	return "451 4.4.2 the connection was lost", false
}

// oneLine keeps a stranger's reply on one printable line.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return s[:min(len(s), 400)]
}
