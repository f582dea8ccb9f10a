package node_test

import (
	"context"
	"net/smtp"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
)

// TestNobodyForgesTheTelling: whoever had the emergency knows its grant and can
// write to the customer. No letter of theirs counts as the one that tells of it.
func TestNobodyForgesTheTelling(t *testing.T) {
	h := newSupport(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	hire := func(login string, role staff.Role) staff.Session {
		m, err := h.Staff.CreateMember(ctx, staff.NewMember{Login: login, Name: login, Locale: "en", Organisation: "provider", Roles: []staff.Role{role}})
		h.ok(err)
		_, otpauth, err := h.Staff.SetPassword(ctx, m.ID, "a pass phrase")
		h.ok(err)
		u, err := url.Parse(otpauth)
		h.ok(err)
		code, err := totp.GenerateCode(u.Query().Get("secret"), time.Now())
		h.ok(err)
		_, s, err := h.Staff.SignInPassword(ctx, login, "a pass phrase", code, staff.From{Network: "203.0.113.0/24"})
		h.ok(err)
		return s
	}
	mona, rosa, ana := hire("mona", staff.Approver), hire("rosa", staff.Responder), h.customer("ana", 0)
	hold, err := h.Gate.MakeHold(ctx, mona, gate.Hold{Account: ana.ID, Until: time.Now().Add(24 * time.Hour), Authority: "Court of Lyon", Reference: "26/01"})
	h.ok(err)
	h.ok(h.Gate.ConfirmHold(ctx, rosa, hold.ID))
	q, err := h.Gate.Ask(ctx, h.agent, gate.Ask{Account: ana.ID, Tier: postern.TierAccount, Reason: postern.ReasonProduction, Sentence: "An alert.", Emergency: true})
	h.ok(err)
	_, err = h.Gate.Approve(ctx, mona, q.ID, gate.Narrow{})
	h.ok(err)
	g, err := h.Gate.Approve(ctx, rosa, q.ID, gate.Narrow{})
	h.ok(err)
	for _, a := range h.Addresses() {
		if address, ok := strings.CutPrefix(a.URL, "smtp://"); ok {
			h.ok(smtp.SendMail(address, nil, "noor@bank.example", []string{ana.Address}, []byte("From: <noor@bank.example>\r\nTo: <"+ana.Address+
				">\r\nSubject: Bonjour\r\nMessage-ID: <emergency-"+string(g.ID)+"@mx.example.org>\r\n\r\nBonjour\r\n")))
		}
	}
	if ids, err := h.Mail.Find(ctx, ana.ID, postern.Scope{Query: "id:<emergency-" + string(g.ID) + "@mx.example.org>"}); err != nil || len(ids) != 1 {
		t.Fatalf("the forged letter: %d, %v", len(ids), err)
	}
	h.ok(h.Gate.EndHold(ctx, mona, hold.ID))
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		ids, err := h.Mail.Find(ctx, ana.ID, postern.Scope{Query: "from:security@example.org"})
		h.ok(err)
		if len(ids) == 1 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the customer is told %d times", len(ids))
		}
	}
}
