package response_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/db/open"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/response"
	"github.com/postern-mail/postern/response/detect"
	"github.com/postern-mail/postern/response/notify"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/testkit/engine"
)

// world is a desk with a real directory, ledger and gate, mailboxes that give
// nothing without a receipt, and a response centre.
type world struct {
	*response.Response
	t      testing.TB
	open   engine.Open
	keys   ledger.Keys
	policy policy.Policy
	rules  detect.Settings
	parts  response.Parts
	staff  *staff.Directory
	ledger *ledger.Ledger
	gate   *gate.Gate
	mail   *mailboxes
	stop   func() // ends the sequencer

	mu  sync.Mutex
	now time.Time

	lea, max   member // responders
	noor, paul member // agents: of the provider, of an outsourcer
	ada        member // approver
}

type member struct {
	staff.Member
	credential postern.CredentialID
	secret     string
}

const (
	office    = "203.0.113.0/24"
	elsewhere = "198.51.100.0/24"
	pass      = "a long pass phrase"
)

func newWorld(t testing.TB, open engine.Open, policy policy.Policy, rules detect.Settings) *world {
	t.Helper()
	return newWorldWith(t, open, func() (ledger.Keys, error) { return ledger.NewKeys(logName) }, func(w *world) { w.policy, w.rules = policy, rules })
}

func newWorldWith(t testing.TB, open engine.Open, keys func() (ledger.Keys, error), more ...func(*world)) *world {
	t.Helper()
	k, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, open: open, keys: k, policy: policy.Standing(), now: time.Date(2026, 5, 14, 9, 0, 0, 0, time.UTC)}
	for _, f := range more {
		f(w)
	}
	w.start()
	return w
}

func each(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	engine.Each(t, func(t *testing.T, o engine.Open) { f(t, newWorld(t, o, policy.Standing(), detect.Settings{})) })
}

func (w *world) start() {
	t, ctx := w.t, context.Background()
	t.Helper()
	var err error
	w.mail = &mailboxes{key: w.keys.ReceiptPublic(), now: w.clock, people: map[postern.AccountID]notify.Person{}, delivered: map[string]notify.NoticeMail{}, guarded: map[postern.MessageID]bool{}}
	w.parts, err = assemble(ctx, w.open(open.Staff), w.open(open.Response), w.keys, w.policy, w.mail, w.clock)
	w.must(err)
	w.parts.Detect, w.parts.Controls, w.parts.Knows = w.rules, w.mail, w.mail
	w.staff, w.ledger, w.gate = w.parts.Staff, w.parts.Ledger, w.parts.Gate
	w.reopen()

	sequencing, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); _ = w.ledger.Run(sequencing) }()
	w.stop = func() { stop(); <-done }
	t.Cleanup(func() {
		w.stop()
		if _, err := w.ledger.Verify(ctx); err != nil {
			t.Errorf("the ledger does not verify: %v", err)
		}
	})

	w.must(w.staff.CreateOrganisation(ctx, staff.Organisation{ID: "provider", Name: "Outlook Example", Kind: "provider"}))
	w.must(w.staff.CreateOrganisation(ctx, staff.Organisation{ID: "helpline", Name: "Helpline", Kind: "outsourcer"}))
	w.lea = w.hire("lea", "provider", staff.Responder)
	w.max = w.hire("max", "provider", staff.Responder)
	w.ada = w.hire("ada", "provider", staff.Approver)
	w.noor = w.hire("noor", "provider", staff.Agent)
	w.paul = w.hire("paul", "helpline", staff.Agent)
}

const logName = "mx.example.org/ledger"

// assemble opens the rooms that a response centre stands on.
func assemble(ctx context.Context, staffPlane, responsePlane *db.Handle, keys ledger.Keys, policy policy.Policy, m gate.Mailboxes, now func() time.Time) (p response.Parts, err error) {
	log := slog.New(slog.DiscardHandler)
	p = response.Parts{DB: responsePlane, Now: now, Log: log, Provider: "Outlook Example"}
	directory := staff.Parts{DB: staffPlane, Now: now, Log: log}
	directory.Cost.Time, directory.Cost.MemoryKiB, directory.Cost.Threads = 1, 64, 1
	if p.Staff, err = staff.Open(ctx, directory); err != nil {
		return p, err
	}
	if p.Ledger, err = ledger.Open(ctx, ledger.Parts{DB: staffPlane, Keys: keys, Origin: logName, Node: "a", Now: now, Log: log}); err != nil {
		return p, err
	}
	p.Gate, err = gate.Open(ctx, gate.Parts{DB: staffPlane, Ledger: p.Ledger, Staff: p.Staff, Mailboxes: m, Cases: cases{}, Policy: policy, Now: now, Log: log, Node: "a"})
	return p, err
}

// reopen starts a second response centre on the same tables, as after a
// restart.
func (w *world) reopen() {
	w.t.Helper()
	r, err := response.Open(context.Background(), w.parts)
	w.must(err)
	w.Response = r
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) hire(login string, o postern.OrganisationID, roles ...staff.Role) member {
	w.t.Helper()
	m, err := w.staff.CreateMember(context.Background(), staff.NewMember{Login: login, Name: "Member " + login, Locale: "fr", Organisation: o, Roles: roles})
	w.must(err)
	c, otpauth, err := w.staff.SetPassword(context.Background(), m.ID, pass)
	w.must(err)
	u, err := url.Parse(otpauth)
	w.must(err)
	return member{m, c, u.Query().Get("secret")}
}

// signIn signs a member in from a network. A code is good once, so half a
// minute passes.
func (w *world) signIn(m member, network string) staff.Session {
	w.t.Helper()
	w.pass(30 * time.Second)
	code, err := totp.GenerateCode(m.secret, w.clock())
	w.must(err)
	_, s, err := w.staff.SignInPassword(context.Background(), m.Login, pass, code, staff.From{Network: network, Agent: "a browser"})
	w.must(err)
	return s
}

// sequence brings the ledger up to date, so that its feed tells everything.
func (w *world) sequence() {
	w.t.Helper()
	_, err := w.ledger.Sequence(context.Background())
	w.must(err)
}

// tick is Tick after everything is sequenced.
func (w *world) tick() int {
	w.t.Helper()
	w.sequence()
	n, err := w.Tick(context.Background())
	w.must(err)
	return n
}

// look asks and reveals, and gives what was refused.
func (w *world) look(s staff.Session, a postern.AccountID, tier postern.Tier, messages ...postern.MessageID) error {
	w.t.Helper()
	ctx := context.Background()
	r, err := w.gate.Ask(ctx, s, gate.Ask{Account: a, Tier: tier, Scope: postern.Scope{Messages: messages}, Reason: postern.ReasonSupport, Sentence: "It was asked for.", For: time.Hour})
	if err != nil {
		return err
	}
	if r.Grant == "" {
		return fmt.Errorf("no grant: %s", r.Status)
	}
	d, err := w.gate.Reveal(ctx, s, gate.Want{Grant: r.Grant, Tier: tier, Messages: messages})
	if err != nil {
		return err
	}
	d.Done()
	w.sequence() // before the clock moves: the gate refuses while the ledger is behind
	return nil
}

// looks is look that has to be shown.
func (w *world) looks(s staff.Session, a postern.AccountID, tier postern.Tier, messages ...postern.MessageID) {
	w.t.Helper()
	w.must(w.look(s, a, tier, messages...))
}

// account makes an account whose owner speaks a language.
func (w *world) account(locale string) postern.AccountID {
	a := postern.AccountID(postern.NewID())
	w.mail.mu.Lock()
	defer w.mail.mu.Unlock()
	n := len(w.mail.people)
	w.mail.people[a] = notify.Person{Address: fmt.Sprintf("person%d@outlook.example", n), Name: fmt.Sprintf("Person %d", n), Locale: locale}
	return a
}

func message() postern.MessageID { return postern.MessageID(postern.NewID()) }

func messages(n int) []postern.MessageID {
	ids := make([]postern.MessageID, n)
	for i := range ids {
		ids[i] = message()
	}
	return ids
}

// cases is a desk on which every case is open and everybody's.
type cases struct{}

func (cases) Check(*db.Tx, postern.CaseID, postern.AccountID) error { return nil }

func (cases) Given(*db.Tx, postern.CaseID, staff.Session) error { return nil }
func (cases) Number(*db.Tx, postern.CaseID) (int64, error)      { return 7, nil }

// mailboxes stand for the mail plane: they believe receipts only, and keep the
// notices that reach them.
type mailboxes struct {
	key ed25519.PublicKey
	now func() time.Time

	mu        sync.Mutex
	people    map[postern.AccountID]notify.Person
	delivered map[string]notify.NoticeMail // by account, notice and version
	attempts  int
	again     int // deliveries of what was delivered
	refuse    func(postern.AccountID) error
	guarded   map[postern.MessageID]bool
	honey     postern.AccountID
	seen      map[postern.AccountID]bool // whose notice was looked at in the mailbox
	tried     []notify.NoticeMail        // tests
	away      error                      // of every delivery
	// delivering is called behind each delivery, in the middle of the sending.
	delivering func()
	spent      map[postern.DisclosureID]bool
}

func (m *mailboxes) Find(_ context.Context, _ postern.AccountID, s postern.Scope) ([]postern.MessageID, error) {
	return s.Messages, nil
}

func (m *mailboxes) Reveal(_ context.Context, r ledger.Receipt) (postern.Shown, error) {
	if err := r.Verify(m.key, m.now()); err != nil {
		return postern.Shown{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.spent[r.Disclosure] {
		return postern.Shown{}, errors.New("the receipt is spent")
	}
	if m.spent == nil {
		m.spent = map[postern.DisclosureID]bool{}
	}
	m.spent[r.Disclosure] = true
	var shown postern.Shown
	for _, id := range r.Messages {
		shown.Messages = append(shown.Messages, postern.ShownMessage{ID: id, Subject: "A subject"})
	}
	return shown, nil
}

// Case and About know nothing: no case is a desk's here.
func (m *mailboxes) Case(context.Context, postern.CaseID, postern.StaffID) (detect.Case, error) {
	return detect.Case{}, &postern.Error{Kind: postern.NotFound, Text: "there is no such case"}
}

func (m *mailboxes) About(_ context.Context, a postern.AccountID, _ postern.StaffID) (detect.About, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return detect.About{Honey: m.honey == a && a != ""}, nil
}

func (m *mailboxes) Guarded(_ context.Context, _ postern.AccountID, ids []postern.MessageID) (found []postern.MessageID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		if m.guarded[id] {
			found = append(found, id)
		}
	}
	return found, nil
}

func (m *mailboxes) People(_ context.Context, ids []postern.AccountID) (map[postern.AccountID]notify.Person, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[postern.AccountID]notify.Person{}
	for _, a := range ids {
		if p, ok := m.people[a]; ok {
			found[a] = p
		}
	}
	return found, nil
}

func (m *mailboxes) Account(_ context.Context, address string) (postern.AccountID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for a, p := range m.people {
		if p.Address == address {
			return a, nil
		}
	}
	return "", &postern.Error{Kind: postern.NotFound, Text: "there is no such account"}
}

func (m *mailboxes) Forwards(context.Context, postern.AccountID) (bool, error) { return false, nil }

func (m *mailboxes) Seen(_ context.Context, all []notify.NoticeMail) ([]bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := make([]bool, len(all))
	for i, n := range all {
		seen[i] = m.seen[n.Account]
	}
	return seen, nil
}

func (m *mailboxes) Try(_ context.Context, address string, n notify.NoticeMail) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tried = append(m.tried, n)
	return nil
}

func (m *mailboxes) DeliverAll(_ context.Context, all []notify.NoticeMail) ([]error, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away != nil {
		return nil, m.away
	}
	errs := make([]error, len(all))
	for i, n := range all {
		errs[i] = m.deliver(n)
	}
	if m.delivering != nil {
		m.delivering()
	}
	return errs, nil
}

func (m *mailboxes) deliver(n notify.NoticeMail) error {
	m.attempts++
	if _, ok := m.people[n.Account]; !ok {
		return &postern.Error{Kind: postern.NotFound, Text: "there is no such account"}
	}
	if m.refuse != nil {
		if err := m.refuse(n.Account); err != nil {
			return err
		}
	}
	key := fmt.Sprintf("%s %s %d", n.Account, n.ID, n.Version)
	if _, ok := m.delivered[key]; ok {
		m.again++
		return nil
	}
	m.delivered[key] = n
	return nil
}
