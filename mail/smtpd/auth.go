package smtpd

import (
	"encoding/base64"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
)

// auth is AUTH (RFC 4954) with PLAIN (RFC 4616) and the older LOGIN.
func (s *session) auth(arg string) {
	switch {
	case !s.submission:
		s.mistake("502 5.5.1 sign in on the submission port")
		return
	case s.helo == "":
		s.mistake("503 5.5.1 say EHLO first")
		return
	case s.account.ID != "":
		s.mistake("503 5.5.1 you are signed in")
		return
	case s.mailing:
		s.mistake("503 5.5.1 sign in before MAIL")
		return
	case !s.private():
		s.mistake("538 5.7.11 say STARTTLS first")
		return
	}
	mechanism, initial, _ := strings.Cut(arg, " ")
	var address, password string
	var ok bool
	switch strings.ToUpper(mechanism) {
	case "PLAIN":
		address, password, ok = s.plain(initial)
	case "LOGIN":
		address, password, ok = s.login(initial)
	default:
		s.mistake("504 5.5.4 PLAIN or LOGIN")
		return
	}
	if !ok {
		return
	}
	a, err := s.server.Accounts.SignIn(s.ctx, address, password, account.From{Protocol: "submission", Network: s.network, Agent: s.helo})
	switch {
	case err == nil:
		s.account = a
		s.reply("235 2.7.0 welcome")
	case postern.KeyOf(err) == account.KeyThrottled:
		s.mistake("454 4.7.0 too many attempts, wait a while")
	case postern.KindOf(err) == postern.Denied:
		s.mistake("535 5.7.8 the address or the password is wrong")
	default:
		s.server.Log.Error("a sign-in could not be checked", "error", err)
		s.reply("454 4.7.0 not now, try again later")
	}
}

func (s *session) plain(initial string) (address, password string, ok bool) {
	if initial == "" {
		if initial, ok = s.ask(""); !ok {
			return "", "", false
		}
	}
	text, ok := s.decode(initial)
	if !ok {
		return "", "", false
	}
	parts := strings.Split(text, "\x00")
	if len(parts) != 3 || parts[0] != "" && parts[0] != parts[1] {
		s.mistake("501 5.5.2 PLAIN is NUL, address, NUL, password")
		return "", "", false
	}
	return parts[1], parts[2], true
}

func (s *session) login(initial string) (address, password string, ok bool) {
	if initial == "" {
		if initial, ok = s.ask("Username:"); !ok {
			return "", "", false
		}
	}
	if address, ok = s.decode(initial); !ok {
		return "", "", false
	}
	second, ok := s.ask("Password:")
	if !ok {
		return "", "", false
	}
	password, ok = s.decode(second)
	return address, password, ok
}

// ask sends a challenge and waits for the answer.
func (s *session) ask(challenge string) (string, bool) {
	s.reply("334 %s", base64.StdEncoding.EncodeToString([]byte(challenge)))
	if !s.flush() {
		s.closing = true
		return "", false
	}
	line, err := s.command()
	if err != nil {
		s.part(err)
		s.closing = true
		return "", false
	}
	if line == "*" {
		s.mistake("501 5.7.0 given up")
		return "", false
	}
	return line, true
}

func (s *session) decode(answer string) (string, bool) {
	if answer == "=" {
		return "", true
	}
	b, err := base64.StdEncoding.DecodeString(answer)
	if err != nil {
		s.mistake("501 5.5.2 that is not base64")
		return "", false
	}
	return string(b), true
}
