package api_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/testkit"
)

// checks is how many histories a plain `go test` runs; -rapid.checks says
// otherwise.
const checks = 25

// TestNothingOutsideAGrant runs random histories of programs and customers
// against a whole Postern over HTTP. The model knows what was granted to whom and
// nothing else. Every field of every message holds a word that stands nowhere
// else, and no answer may hold one that a live grant does not cover.
func TestNothingOutsideAGrant(t *testing.T) {
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		if err := flag.Set("rapid.checks", fmt.Sprint(checks)); err != nil {
			t.Fatal(err)
		}
	}
	h := newHouse(t)
	var revealed, refused int
	rapid.Check(t, func(rt *rapid.T) {
		m := h.begin(rt)
		for range rapid.IntRange(30, 80).Draw(rt, "steps") {
			m.step()
		}
		m.settle()
		revealed, refused = revealed+len(m.shown), refused+m.refused
	})
	if revealed == 0 || refused == 0 {
		t.Errorf("%d disclosures and %d refusals: the histories say nothing", revealed, refused)
	}
	t.Logf("%d disclosures, %d refused reveals", revealed, refused)
	h.atRest()
}

// atRest looks for the words where they have no business: in the logs, and in
// what the staff and response planes keep.
func (h *house) atRest() {
	var words []string
	for _, c := range h.ana {
		words = append(words, c.mailbox)
		for _, l := range c.messages {
			words = append(words, l.markers()...)
		}
	}
	found := func(text string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	if log := h.log.String(); !strings.Contains(log, "serving") || found(log) || strings.Contains(log, "ana0@") {
		h.t.Errorf("the log has nothing, or words of a message or an address")
	}
	seen := map[string]bool{}
	err := filepath.WalkDir(h.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _, _ := strings.Cut(filepath.ToSlash(strings.TrimPrefix(path, h.data+string(filepath.Separator))), "/")
		plane, _, _ := strings.Cut(name, ".")
		if found(string(text)) {
			seen[plane] = true
		}
		return err
	})
	if err != nil {
		h.t.Error(err)
	}
	delete(seen, "blobs")
	if !seen["mail"] || len(seen) != 1 {
		h.t.Errorf("words of messages are kept in %v, and belong in mail and blobs alone", seen)
	}
}

// recorder is a test that keeps what is logged.
type recorder struct {
	testing.TB
	sync.Mutex
	text strings.Builder
}

func (r *recorder) Output() io.Writer { return r }

func (r *recorder) Write(b []byte) (int, error) {
	r.Lock()
	defer r.Unlock()
	return r.text.Write(b)
}

func (r *recorder) String() string {
	r.Lock()
	defer r.Unlock()
	return r.text.String()
}

// ticking is the house's clock: it moves when a history says so.
type ticking struct {
	sync.Mutex
	at time.Time
}

func (c *ticking) now() time.Time {
	c.Lock()
	defer c.Unlock()
	return c.at
}

func (c *ticking) pass(d time.Duration) {
	c.Lock()
	defer c.Unlock()
	c.at = c.at.Add(d)
}

// house is a Postern with three customers, for every history.
type house struct {
	*world
	clock *ticking
	ana   []*customer
	log   *recorder
	data  string // the directory
}

type customer struct {
	id       postern.AccountID
	address  string
	mailbox  string // a name of the customer's own for a mailbox: a marker
	messages []*letter
}

type letter struct {
	id      postern.MessageID
	header  string // its Message-ID
	guarded bool
	// A word for each field that tells it from every other message's.
	from, domain, to, toDomain, subject, digits, body, name, bytes, raw, sender string
}

func newHouse(t *testing.T) *house {
	clock := &ticking{at: time.Date(2026, 5, 14, 9, 0, 0, 0, time.UTC)}
	p := forPrograms()
	h := &house{clock: clock, log: &recorder{TB: t}}
	n := testkit.Start(h.log, testkit.Options{Policy: &p, Now: clock.now, Config: func(c *node.Config) { h.data = c.Data }})
	h.world = &world{t: t, n: n, http: testkit.Client(t)}
	for _, a := range n.Addresses() {
		if a.Name == "Desk" {
			h.base = a.URL
		}
	}
	for i := range 3 {
		h.ana = append(h.ana, h.move(fmt.Sprintf("ana%d@example.org", i)))
	}
	return h
}

// word makes a marker: letters that no identifier and no sentence has.
func word() string {
	return "zq" + strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return 'g' + r - '0'
		}
		return r
	}, postern.NewID()[:14])
}

// digits makes a marker that a mask has to take out of a subject.
func digits() string {
	return "7" + strings.Map(func(r rune) rune {
		if r >= 'a' {
			return r - 'a' + '0'
		}
		return r
	}, postern.NewID()[:15])
}

// move makes a customer with mail: plain, guarded and with an attachment.
func (h *house) move(address string) *customer {
	ctx := context.Background()
	who, err := h.n.Accounts.Create(ctx, account.New{Address: address, Name: "Ana", Locale: "en"})
	if err != nil {
		h.t.Fatal(err)
	}
	c := &customer{id: who.ID, address: address, mailbox: word()}
	for i := range 4 {
		l := &letter{header: fmt.Sprintf("<%d.%s@shop.example>", i, who.ID), guarded: i == 0, from: word(), domain: word() + ".example", to: word(), toDomain: word() + ".example", subject: word(), digits: digits(),
			body: word(), name: word(), bytes: word(), raw: word(), sender: word()}
		text, subject := "The parcel "+l.body+" is on its way.", "Order of "+l.subject+" number "+l.digits
		if l.guarded {
			subject = "Your verification code " + l.subject + " " + l.digits
			text = "Your verification code is 482913. It expires in 10 minutes. Do not share it. " + l.body
		}
		raw := strings.ReplaceAll(fmt.Sprintf(`From: %s@%s
To: %s@%s, %s
Subject: %s
Date: Thu, 14 May 2026 08:00:00 +0000
Message-ID: %s
X-Note: %s
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8

%s
--b
Content-Type: application/octet-stream
Content-Disposition: attachment; filename=%s.bin
Content-Transfer-Encoding: base64

%s
--b--
`, l.from, l.domain, l.to, l.toDomain, address, subject, l.header, l.raw, text, l.name, base64.StdEncoding.EncodeToString([]byte(l.bytes))), "\n", "\r\n")
		if i == 3 {
			l.id, err = h.n.Mail.Append(ctx, c.id, c.mailbox, []byte(raw), nil, h.n.Now())
			l.sender = ""
		} else {
			err = h.n.Mail.Deliver(ctx, mail.Delivery{To: []postern.AccountID{c.id}, Sender: l.sender + "@shop.example", Raw: []byte(raw), Remote: "mx.shop.example"})
			if found, e := h.n.Mail.Find(ctx, c.id, postern.Scope{Query: "id:" + l.header}); e != nil || len(found) != 1 {
				h.t.Fatalf("found %v: %v", found, e)
			} else {
				l.id = found[0]
			}
		}
		if err != nil {
			h.t.Fatal(err)
		}
		c.messages = append(c.messages, l)
	}
	guarded, err := h.n.Mail.Guarded(ctx, c.id, []postern.MessageID{c.messages[0].id, c.messages[1].id, c.messages[2].id, c.messages[3].id})
	if err != nil || len(guarded) != 1 || guarded[0] != c.messages[0].id {
		h.t.Fatalf("guarded are %v, want the first: %v", guarded, err)
	}
	return c
}

// markers gives every word of a letter.
func (l *letter) markers() []string {
	all := []string{l.from, l.domain, l.to, l.toDomain, l.subject, l.digits, l.body, l.name, l.bytes, l.raw}
	if l.sender != "" {
		all = append(all, l.sender)
	}
	return all
}

// shows gives the words that a disclosure of fields shows of a letter, and
// those that it must.
func (l *letter) shows(f postern.Field) []string {
	var all []string
	add := func(bits postern.Field, words ...string) {
		if f&bits != 0 {
			all = append(all, words...)
		}
	}
	add(postern.FieldFrom, l.from, l.domain)
	add(postern.FieldFromMasked, l.domain)
	add(postern.FieldTo, l.to, l.toDomain)
	add(postern.FieldToMasked, l.toDomain)
	add(postern.FieldSubject, l.subject, l.digits)
	add(postern.FieldSubjectMasked, l.subject)
	add(postern.FieldBody, l.body)
	add(postern.FieldAttachments, l.name, l.bytes)
	add(postern.FieldSource, l.from, l.domain, l.to, l.toDomain, l.subject, l.digits, l.body, l.name, l.raw)
	if l.sender != "" {
		add(postern.FieldTrace, l.sender)
	}
	return all
}

// pick chooses n of a customer's letters, as a history says.
func pick(rt *rapid.T, c *customer, label string) (ids []postern.MessageID) {
	mask := rapid.IntRange(1, 1<<len(c.messages)-1).Draw(rt, label)
	for i, l := range c.messages {
		if mask>>i&1 == 1 {
			ids = append(ids, l.id)
		}
	}
	return ids
}

// answer sends a request and gives the status, the answer and the raw text with
// everything decoded that could be base64.
func (m *model) answer(by *bot, method, path string, body any) (int, map[string]any, string) {
	m.t.Helper()
	status, out := m.do(by.secret, method, path, body)
	text, err := json.Marshal(out)
	if err != nil {
		m.rt.Fatal(err)
	}
	var all strings.Builder
	all.Write(text)
	decoded(&all, out)
	if by.over && status != 401 {
		m.rt.Fatalf("%s %s by the contained %s: %d", method, path, by.name, status)
	}
	return status, out, all.String()
}

func decoded(to *strings.Builder, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, one := range v {
			decoded(to, one)
		}
	case []any:
		for _, one := range v {
			decoded(to, one)
		}
	case string:
		to.WriteString("\n" + v)
		if b, err := base64.StdEncoding.DecodeString(v); err == nil {
			to.WriteByte('\n')
			to.Write(b)
		}
	}
}

// nothingBut holds a text to the words that it may have.
func (m *model) nothingBut(text string, may []string, what string) {
	m.t.Helper()
	for _, c := range m.ana {
		for i, l := range c.messages {
			for k, w := range l.markers() {
				if strings.Contains(text, w) && !slices.Contains(may, w) {
					m.rt.Fatalf("%s shows the word %d of the message %d of %s, which nothing allows: %s", what, k, i, c.address, text)
				}
			}
		}
		if strings.Contains(text, c.mailbox) && !slices.Contains(may, c.mailbox) {
			m.rt.Fatalf("%s shows the name of a mailbox of %s: %s", what, c.address, text)
		}
	}
}

// settle compares the ledger with what was shown: each once, with these fields
// of these messages, and nothing of the contained after their containment.
func (m *model) settle() {
	ctx := context.Background()
	var sessions []postern.SessionID
	for _, b := range m.bots {
		sessions = append(sessions, b.token.Session)
	}
	found, err := m.n.Ledger.Find(ctx, ledger.Filter{Sessions: sessions, DisclosuresOnly: true, Limit: 1000})
	if err != nil {
		m.rt.Fatal(err)
	}
	if len(found) != len(m.shown) {
		m.rt.Fatalf("%d disclosures in the ledger, and %d answers showed something", len(found), len(m.shown))
	}
	ended := map[postern.SessionID]int64{}
	contained, err := m.n.Gate.Containments(ctx)
	if err != nil {
		m.rt.Fatal(err)
	}
	for _, b := range m.bots {
		for _, c := range contained {
			if b.ended == c.ID {
				ended[b.token.Session] = c.Seq
			}
		}
	}
	for _, e := range found {
		d := e.Disclosure
		s, ok := m.shown[d.ID]
		want := slices.Sorted(slices.Values(s.messages))
		if !ok || d.Fields != s.fields || d.Tier != s.tier || d.Account != s.c.id || d.Session != s.by.token.Session || !slices.Equal(slices.Sorted(slices.Values(d.Messages)), want) {
			m.rt.Fatalf("the ledger has %+v, and shown was %+v", d, s)
		}
		if at, over := ended[d.Session]; over && e.Seq > at {
			m.rt.Fatalf("the disclosure %s stands at %d, behind the containment of its session at %d", d.ID, e.Seq, at)
		}
	}
}
