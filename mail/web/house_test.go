package web

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/blob"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/testkit/engine"
	"github.com/postern-mail/postern/ui/htmlcheck"
)

// house is the face over a real mail plane, and a browser without scripts.
type house struct {
	t     *testing.T
	web   *Web
	mail  *mail.Mail
	acc   *account.Accounts
	help  *helpDesk
	ana   account.Account
	clock time.Time
	face  *httptest.Server
	view  *httptest.Server
	http  *http.Client
	sent  []string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, clock: noon, help: &helpDesk{}}
	now := func() time.Time { return h.clock }
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	ctx := context.Background()
	plane := engine.SQLite(t)(open.Mail)
	var err error
	if h.acc, err = account.Open(ctx, account.Parts{DB: plane, Now: now, Log: log}); err != nil {
		t.Fatal(err)
	}
	blobs, err := blob.OpenDisk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if h.mail, err = mail.Open(ctx, mail.Parts{DB: plane, Blobs: blobs, Accounts: h.acc, ReceiptKey: make(ed25519.PublicKey, ed25519.PublicKeySize), Now: now, Log: log}); err != nil {
		t.Fatal(err)
	}
	if h.ana, err = h.acc.Create(ctx, account.New{Address: "ana@outlook.example", Name: "Ana Lima", Locale: "fr", Password: "correct horse battery"}); err != nil {
		t.Fatal(err)
	}
	h.face = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.web.ServeHTTP(w, r) }))
	h.view = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.web.View().ServeHTTP(w, r) }))
	t.Cleanup(h.face.Close)
	t.Cleanup(h.view.Close)
	if h.web, err = New(Parts{Mail: h.mail, Accounts: h.acc, Help: h.help, Submit: h.submit, Provider: "Outlook", Origin: h.face.URL, ViewOrigin: h.view.URL, Now: now, Log: log}); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	h.http = &http.Client{Jar: jar}
	return h
}

// submit takes letters as the queue does, which knows who is missing here.
func (h *house) submit(_ context.Context, _ postern.AccountID, sender string, recipients []string, raw []byte) error {
	for _, r := range recipients {
		if strings.HasPrefix(r, "missing@") {
			return &postern.Error{Kind: postern.NotFound, Text: "there is nobody of that name"}
		}
	}
	h.sent = append(h.sent, sender+" "+strings.Join(recipients, ",")+"\n"+string(raw))
	return nil
}

// get fetches a page, checks it, and gives its text.
func (h *house) get(path string, status int) string {
	h.t.Helper()
	return h.answer(h.http.Get(h.face.URL + path))(status)
}

func (h *house) post(path string, form url.Values, status int) string {
	h.t.Helper()
	return h.answer(h.http.PostForm(h.face.URL+path, form))(status)
}

func (h *house) answer(res *http.Response, err error) func(status int) string {
	return func(status int) string {
		h.t.Helper()
		if err != nil {
			h.t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			h.t.Fatal(err)
		}
		if res.StatusCode != status {
			h.t.Errorf("%s: status %d, want %d", res.Request.URL.Path, res.StatusCode, status)
		}
		if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
			htmlcheck.Check(h.t, body)
		}
		return string(body)
	}
}

func (h *house) signIn() {
	h.t.Helper()
	h.get("/sign-in", 200)
	h.post("/sign-in", url.Values{"address": {"Ana@Outlook.example"}, "password": {"correct horse battery"}}, 200)
}

func (h *house) put(mailbox, raw string) postern.MessageID {
	h.t.Helper()
	id, err := h.mail.Append(context.Background(), h.ana.ID, mailbox, []byte(strings.ReplaceAll(raw, "\n", "\r\n")), nil, h.clock)
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

func letter(subject, body string) string {
	return "From: Claire Martin <claire@msn.example>\nTo: ana@outlook.example\nSubject: " + subject + "\nDate: Mon, 23 Nov 2026 12:00:00 +0000\nMessage-ID: <" + strings.ReplaceAll(subject, " ", ".") + "@msn.example>\n\n" + body + "\n"
}

func contains(t *testing.T, page string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(page, w) {
			t.Errorf("the page does not say %q", w)
		}
	}
}

func lacks(t *testing.T, page string, not ...string) {
	t.Helper()
	for _, n := range not {
		if strings.Contains(page, n) {
			t.Errorf("the page says %q", n)
		}
	}
}

// helpDesk keeps what the face asked of the other planes, for one account.
type helpDesk struct {
	cases    []HelpCase
	shared   []postern.MessageID
	requests []ConsentRequest
	running  []Permission
	looks    []Look
	notices  []Notice
	opened   []postern.NoticeID
	said     []string
	wish     string
	offers   []Offer
	acts     []Act
	asked    []time.Time // windows of statements
	count    int         // what a statement says
	young    bool
	erased   time.Time
	edge     bool
	false    bool // a file that does not verify
	due      time.Time
}

func (d *helpDesk) Erasure(context.Context, postern.AccountID) (time.Time, bool, error) {
	return d.due, !d.due.IsZero(), nil
}

func (d *helpDesk) AskErasure(context.Context, postern.AccountID) (time.Time, error) {
	d.due = noon.AddDate(0, 0, 30)
	return d.due, nil
}

func (d *helpDesk) CancelErasure(context.Context, postern.AccountID) error {
	d.due = time.Time{}
	return nil
}

func (d *helpDesk) Acts(_ context.Context, _ postern.AccountID, before int64) (out []Act, _ error) {
	for _, a := range d.acts {
		if before == 0 || a.Seq < before {
			out = append(out, a)
		}
	}
	return out, nil
}

func (d *helpDesk) Record(_ context.Context, _ postern.AccountID, id, _ string) (Record, error) {
	for _, a := range d.acts {
		if a.ID == id {
			return Record{Index: a.Index, Facts: []Fact{{"kind", a.Kind}}, Not: []string{"who sat at the keyboard"}}, nil
		}
	}
	for _, l := range d.looks {
		if string(l.Disclosure) == id {
			return Record{Index: l.Index, Destroyed: l.Index == -2, Facts: []Fact{{"tier", l.Tier.String()}}, Not: []string{"who sat at the keyboard"}}, nil
		}
	}
	return Record{}, &postern.Error{Kind: postern.NotFound, Text: "there is no such record"}
}

func (d *helpDesk) Number(context.Context, postern.AccountID) (string, error) {
	return "00112233445566778899aabbccddeeff", nil
}

func (d *helpDesk) Policy() []byte { return []byte("log k\n") }

func (d *helpDesk) Provable(context.Context) (from, until time.Time, err error) {
	if d.young {
		return from, until, &postern.Error{Kind: postern.NotFound, Key: "statement.too-young", Text: "too young"}
	}
	return noon.AddDate(0, -3, 0), noon.Add(-time.Hour), nil
}

func (d *helpDesk) Statement(_ context.Context, _ postern.AccountID, from, until time.Time, tier postern.Tier, _ string) (Statement, error) {
	d.asked = []time.Time{from, until}
	if !from.Before(until) {
		return Statement{}, &postern.Error{Kind: postern.Invalid, Key: "statement.window", Text: "backwards"}
	}
	if from.Before(noon.AddDate(0, -3, 0)) {
		return Statement{}, &postern.Error{Kind: postern.Invalid, Key: "statement.before-log", Text: "early"}
	}
	s := Statement{File: []byte("statement at " + tier.String()), Count: d.count, From: from, Until: until, Tier: tier, Says: []string{"No leaf"}, Not: []string{"who sat at the keyboard"}, Unwitnessed: true}
	s.Erased, s.Edge = d.erased, d.edge
	if d.false {
		s.Unwitnessed = false
	}
	for _, l := range d.looks[:min(d.count, len(d.looks))] {
		s.Accesses = append(s.Accesses, l.Disclosure)
	}
	return s, nil
}

func (d *helpDesk) OpenCase(_ context.Context, _ postern.AccountID, subject, text string, share []postern.MessageID) (int64, error) {
	n := int64(1000 + len(d.cases))
	d.cases = append(d.cases, HelpCase{Number: n, Subject: subject, Status: "open", Opened: noon, Updated: noon, Posts: []CasePost{{At: noon, By: "Ana Lima", Text: text}}})
	d.shared = append(d.shared, share...)
	return n, nil
}

func (d *helpDesk) Share(_ context.Context, _ postern.AccountID, _ int64, m []postern.MessageID) error {
	d.shared = append(d.shared, m...)
	return nil
}

func (d *helpDesk) Cases(context.Context, postern.AccountID) ([]HelpCase, error) { return d.cases, nil }

func (d *helpDesk) CaseReply(_ context.Context, _ postern.AccountID, n int64, text string) error {
	for i := range d.cases {
		if d.cases[i].Number == n {
			d.cases[i].Posts = append(d.cases[i].Posts, CasePost{At: noon, By: "Ana Lima", Text: text})
		}
	}
	return nil
}

func (d *helpDesk) Waiting(context.Context, postern.AccountID) ([]ConsentRequest, error) {
	return d.requests, nil
}
func (d *helpDesk) Running(context.Context, postern.AccountID) ([]Permission, error) {
	return d.running, nil
}

func (d *helpDesk) Agree(_ context.Context, _ postern.AccountID, r postern.RequestID, y Yes) error {
	d.said = append(d.said, strings.TrimSpace(fmt.Sprintf("agree %s %v %d %s", r, y.Messages, y.Minutes, map[bool]string{true: "once"}[y.Once])))
	d.requests = nil
	return nil
}

func (d *helpDesk) Decline(_ context.Context, _ postern.AccountID, r postern.RequestID, s string) error {
	d.said = append(d.said, fmt.Sprintf("decline %s %s", r, s))
	return nil
}

func (d *helpDesk) Withdraw(_ context.Context, _ postern.AccountID, g postern.GrantID) error {
	d.said = append(d.said, fmt.Sprintf("withdraw %s", g))
	return nil
}

func (d *helpDesk) Wish(context.Context, postern.AccountID) (string, error) {
	return cmp.Or(d.wish, "ask"), nil
}

func (d *helpDesk) SetWish(_ context.Context, _ postern.AccountID, w string) error {
	d.wish = w
	return nil
}

func (d *helpDesk) Offers(context.Context, postern.AccountID) ([]Offer, error) { return d.offers, nil }

func (d *helpDesk) TakeBack(_ context.Context, _ postern.AccountID, id string) error {
	d.offers = slices.DeleteFunc(d.offers, func(o Offer) bool { return o.ID == id })
	return nil
}

func (d *helpDesk) Looks(_ context.Context, _ postern.AccountID, before int64) (out []Look, _ error) {
	for _, l := range d.looks {
		if before == 0 || l.Seq < before {
			out = append(out, l)
		}
	}
	return out, nil
}

func (d *helpDesk) Look(_ context.Context, _ postern.AccountID, id postern.DisclosureID) (Look, error) {
	for _, l := range d.looks {
		if l.Disclosure == id {
			return l, nil
		}
	}
	return Look{}, &postern.Error{Kind: postern.NotFound, Text: "there is no such access"}
}

func (d *helpDesk) OpenNotice(_ context.Context, _ postern.AccountID, id postern.NoticeID, version int) (Notice, error) {
	for _, n := range d.notices {
		if n.ID == id && n.Version == version {
			d.opened = append(d.opened, id)
			return n, nil
		}
	}
	return Notice{}, &postern.Error{Kind: postern.NotFound}
}

func (d *helpDesk) Notices(context.Context, postern.AccountID) ([]Notice, error) {
	return d.notices, nil
}

func (d *helpDesk) Proof(_ context.Context, _ postern.AccountID, id postern.DisclosureID) ([]byte, error) {
	for _, l := range d.looks {
		if l.Disclosure == id {
			return []byte("proof of " + string(id)), nil
		}
	}
	return nil, &postern.Error{Kind: postern.NotFound, Text: "there is no such access"}
}
