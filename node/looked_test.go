package node_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit"
)

// TestWhoLookedIsOnesOwn: the page, the record and the proof of an access are for
// the customer whose account it was, and while a legal hold keeps it back for
// nobody; when the hold ends they are there.
func TestWhoLookedIsOnesOwn(t *testing.T) {
	h := newSupport(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
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
	mona, rosa := hire("mona", staff.Approver), hire("rosa", staff.Responder)
	ana, ben := h.customer("ana", 0), h.customer("ben", 0)
	signIn := func(address string) *http.Client {
		c := testkit.Client(t)
		page, err := c.Get(h.Origins().Mail + "/sign-in") // its cookie shows that the form is the site's own
		h.ok(err)
		page.Body.Close()
		req, err := http.NewRequest(http.MethodPost, h.Origins().Mail+"/sign-in", strings.NewReader(url.Values{"address": {address}, "password": {customersPassword}}.Encode()))
		h.ok(err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", h.Origins().Mail)
		res, err := c.Do(req)
		h.ok(err)
		res.Body.Close()
		if res.StatusCode != http.StatusOK || res.Request.URL.Path == "/sign-in" {
			t.Fatalf("%s can't sign in: status %d at %s", address, res.StatusCode, res.Request.URL.Path)
		}
		return c
	}
	hers, his := signIn(ana.Address), signIn(ben.Address)
	get := func(c *http.Client, path string) (int, string) {
		res, err := c.Get(h.Origins().Mail + path)
		h.ok(err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		h.ok(err)
		return res.StatusCode, string(body)
	}

	hold, err := h.Gate.MakeHold(ctx, mona, gate.Hold{Account: ana.ID, Until: time.Now().Add(24 * time.Hour), Authority: "Court of Lyon", Reference: "26/01"})
	h.ok(err)
	h.ok(h.Gate.ConfirmHold(ctx, rosa, hold.ID))
	q, err := h.Gate.Ask(ctx, h.agent, gate.Ask{Account: ana.ID, Tier: postern.TierAccount, Reason: postern.ReasonProduction, Sentence: "An alert.", Emergency: true})
	h.ok(err)
	_, err = h.Gate.Approve(ctx, mona, q.ID, gate.Narrow{})
	h.ok(err)
	g, err := h.Gate.Approve(ctx, rosa, q.ID, gate.Narrow{})
	h.ok(err)
	shown, err := h.Gate.Reveal(ctx, h.agent, gate.Want{Grant: g.ID, Tier: postern.TierAccount})
	h.ok(err)
	shown.Done()
	_, err = h.Ledger.Sequence(ctx)
	h.ok(err)

	pages := []string{"/looked/" + string(shown.Disclosure), "/looked/" + string(shown.Disclosure) + "/record", "/looked/" + string(shown.Disclosure) + "/access.proof"}
	want := func(c *http.Client, status int, why string) {
		t.Helper()
		for i, p := range pages {
			// It was shown just now: the proof becomes public with the next checkpoint.
			if got, _ := get(c, p); got != status && (i < 2 || status != http.StatusOK || got != http.StatusServiceUnavailable) {
				t.Errorf("%s: %s has status %d", why, strings.TrimPrefix(p, "/looked/"+string(shown.Disclosure)), got)
			}
		}
		if _, list := get(c, "/looked"); strings.Contains(list, string(shown.Disclosure)) != (status == http.StatusOK) {
			t.Errorf("%s: the list is wrong", why)
		}
	}
	want(hers, http.StatusNotFound, "under the hold")
	h.ok(h.Gate.EndHold(ctx, mona, hold.ID))
	_, err = h.Ledger.Sequence(ctx)
	h.ok(err)
	want(hers, http.StatusOK, "when the hold has ended")
	want(his, http.StatusNotFound, "another customer")
	if _, page := get(his, "/help/new?about="+string(shown.Disclosure)); strings.Contains(page, "An alert.") || strings.Contains(page, h.agent.Name) && h.agent.Name != "" {
		t.Error("a question about another's access names it")
	}
}
