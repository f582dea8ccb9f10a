package smtpd

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
)

// mail is MAIL FROM (RFC 5321, 4.1.1.2).
func (s *session) mail(arg string) {
	sender, params, ok := parsePath(arg, "FROM:")
	switch {
	case s.helo == "":
		s.mistake("503 5.5.1 say EHLO first")
		return
	case s.mailing:
		s.mistake("503 5.5.1 one sender at a time")
		return
	case s.submission && s.account.ID == "":
		s.mistake("530 5.7.0 sign in first")
		return
	case !ok || sender != "" && !strings.Contains(sender, "@"):
		s.mistake("501 5.1.7 write MAIL FROM:<address>")
		return
	}
	size := int64(0)
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		switch strings.ToUpper(name) {
		case "SIZE": // RFC 1870
			n, err := strconv.ParseUint(value, 10, 63)
			if err != nil {
				s.mistake("501 5.5.4 SIZE is a number")
				return
			}
			if size = int64(n); size > s.server.MaxSize {
				s.reply("552 5.3.4 the message is larger than %d bytes", s.server.MaxSize)
				return
			}
		case "BODY": // RFC 6152
			if v := strings.ToUpper(value); v != "7BIT" && v != "8BITMIME" {
				s.mistake("501 5.5.4 BODY is 7BIT or 8BITMIME")
				return
			}
		case "AUTH": // RFC 4954, 5: who said it first; not believed
		default:
			s.mistake("555 5.5.4 no such parameter")
			return
		}
	}
	if !ascii(sender) {
		s.mistake("553 5.6.7 addresses here are ASCII")
		return
	}
	if s.submission && !s.own(sender) {
		s.mistake("550 5.7.1 that is not the address you signed in with")
		return
	}
	s.mailing, s.sender, s.size = true, sender, size
	s.reply("250 2.1.0 sender noted")
}

// own says that a sender is the customer's address.
func (s *session) own(sender string) bool {
	folded, _, err := account.Fold(sender)
	return err == nil && folded == s.account.Address
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// rcpt is RCPT TO (RFC 5321, 4.1.1.3).
func (s *session) rcpt(arg string) {
	address, params, ok := parsePath(arg, "TO:")
	switch {
	case !s.mailing:
		s.mistake("503 5.5.1 say MAIL first")
		return
	case !ok || address == "":
		s.mistake("501 5.1.3 write RCPT TO:<address>")
		return
	case len(params) > 0:
		s.mistake("555 5.5.4 no such parameter")
		return
	case len(s.recipients) >= s.server.Limits.Recipients:
		s.reply("452 4.5.3 more than %d recipients, send the rest in another message", s.server.Limits.Recipients)
		return
	}
	if !ascii(address) {
		s.mistake("553 5.6.7 addresses here are ASCII")
		return
	}
	if !strings.Contains(address, "@") { // postmaster
		address += "@" + s.server.Hostname
	}
	a, err := s.server.Accounts.ByAddress(s.ctx, address)
	switch {
	case err == nil:
		s.customer(a)
		return
	case postern.KindOf(err) != postern.NotFound:
		s.trouble(err)
		return
	}
	switch local, err := s.server.Accounts.Local(s.ctx, address[strings.LastIndexByte(address, '@')+1:]); {
	case err != nil:
		s.trouble(err)
	case local || strings.HasSuffix(address, "@"+s.server.Hostname):
		s.mistake("550 5.1.1 nobody of that name here")
	case !s.submission:
		s.mistake("550 5.7.1 mail for others is sent for customers alone")
	default:
		s.recipients = append(s.recipients, recipient{address: address})
		s.reply("250 2.1.5 recipient noted")
	}
}

// ownFields is about what this server writes before a message.
const ownFields = 1 << 10

// customer notes a recipient who has room. One who has none is refused here,
// alone: at the end of the data the answer is for all recipients together.
func (s *session) customer(a account.Account) {
	usage, err := s.server.store.Usage(s.ctx, a.ID)
	switch {
	case err != nil:
		s.trouble(err)
	case a.QuotaBytes > 0 && usage.Bytes+s.size+ownFields > a.QuotaBytes:
		s.mistake("452 4.2.2 the mailbox is full")
	default:
		s.recipients = append(s.recipients, recipient{address: a.Address, id: a.ID})
		s.reply("250 2.1.5 recipient noted")
	}
}

// trouble answers what is our fault: try again.
func (s *session) trouble(err error) {
	switch {
	case postern.KeyOf(err) == "mail.quota-full":
		s.reply("452 4.2.2 the mailbox is full")
		return
	case postern.KeyOf(err) == "error.disk-full":
		s.reply("452 4.3.1 not enough room, try again later")
	default:
		s.reply("451 4.3.0 not now, try again later")
	}
	s.server.Log.Error("mail could not be taken in", "error", err)
}
