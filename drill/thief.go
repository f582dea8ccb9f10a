package drill

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/postern-mail/postern/drill/stranger"
)

var rowMessage = regexp.MustCompile(`data-message="([0-9a-f]{32})"`)

// thief has one agent's password and one-time codes, and a browser.
type thief struct {
	*record
	stolen *member
	order  []*customer // whom to look at, in this order
	next   int
	ended  bool      // the credential no longer works
	since  time.Time // of the first sign-in
}

// The thief's browser is not the owner's, and later neither is the network.
const thiefAgent = "Mozilla/5.0 (X11; Linux x86_64) thief"

// prowl is one visit: up to most accounts, from an address.
func (r *rehearsal) prowl(ctx context.Context, t *thief, most int, from string) error {
	if t.ended || t.next >= len(t.order) {
		return nil
	}
	if t.since.IsZero() {
		t.since = r.clock.now()
	}
	b, ok, err := r.staffSignIn(ctx, r.origins.Desk, t.stolen, from, thiefAgent)
	if err != nil {
		return err
	}
	if !ok {
		t.ended = true
		return nil
	}
	defer b.Close()
	t.take(b.Body())
	if err := r.prowlCases(ctx, t, b, most); err != nil {
		return err
	}
	for i := 0; i < most && t.next < len(t.order) && !t.ended; i++ {
		c := t.order[t.next]
		t.next++
		r.clock.pass(time.Duration(40+r.world.rng.IntN(60)) * time.Second)
		if err := r.look(ctx, t, b, c); err != nil {
			return err
		}
	}
	return nil
}

// look tries to see one account: its subjects, and of one in sixteen bodies.
func (r *rehearsal) look(ctx context.Context, t *thief, b *stranger.Browser, c *customer) error {
	t.attempts++
	before := len(t.received)
	got, err := r.ask(ctx, b, r.origins.Desk+"/accounts/ask", url.Values{"address": {c.address}, "tier": {"envelope"}, "mailbox": {"INBOX"}})
	t.take(b.Body())
	if err != nil {
		return err
	}
	if strings.HasSuffix(b.Address().Path, "/sign-in") {
		t.ended = true
	}
	if got == "" || !strings.Contains(got, "/grants/") {
		t.refused++
		return nil
	}
	if err := b.Visit(ctx, got); err != nil {
		return err
	}
	t.take(b.Body())
	rows := messagesOn(b.Body())
	if err := r.step(ctx); err != nil {
		return err
	}
	if len(t.received) == before {
		t.refused++
	}
	if !r.chance(0.06) || len(rows) == 0 {
		return nil
	}
	return r.read(ctx, t, b, c, rows)
}

// read opens the bodies of an account's messages, the ones that reset passwords
// first, where the page gives them away.
func (r *rehearsal) read(ctx context.Context, t *thief, b *stranger.Browser, c *customer, rows []string) error {
	got, err := r.ask(ctx, b, r.origins.Desk+"/accounts/ask", url.Values{"address": {c.address}, "tier": {"content"}, "mailbox": {"INBOX"}})
	t.take(b.Body())
	if err != nil || !strings.Contains(got, "/grants/") {
		return err
	}
	for i, id := range rows {
		if i == 3 {
			break
		}
		r.clock.pass(20 * time.Second)
		if err := r.pry(ctx, t, b, got+"/messages/"+id); err != nil {
			return err
		}
	}
	return nil
}

// prowlCases tries what is open in the queue: its diagnosis, and a request for
// bodies that looks like any other. Requests of an earlier visit may have been
// agreed to meanwhile.
func (r *rehearsal) prowlCases(ctx context.Context, t *thief, b *stranger.Browser, most int) error {
	if err := b.Visit(ctx, r.origins.Desk+"/cases"); err != nil {
		return err
	}
	t.take(b.Body())
	var pages []string
	for _, link := range b.Links("/cases/") {
		if u, err := url.Parse(link); err == nil && strings.Count(u.Path, "/") == 2 {
			pages = append(pages, link)
		}
	}
	for i, page := range pages {
		if i == most {
			break
		}
		t.attempts++
		r.clock.pass(time.Minute)
		if err := b.Visit(ctx, page); err != nil {
			return err
		}
		t.take(b.Body())
		c := r.customerOn(b)
		got, err := r.ask(ctx, b, page+"/ask", url.Values{"tier": {"content"}, "mailbox": {"INBOX"}})
		t.take(b.Body())
		if err != nil {
			return err
		}
		if got == "" || c == nil {
			t.refused++
			continue
		}
		if strings.Contains(got, "/requests/") {
			// Some people agree to anything that looks like support.
			r.clock.pass(time.Duration(2+r.world.rng.IntN(10)) * time.Minute)
			if err := r.answer(ctx, c, r.chance(0.25)); err != nil {
				return err
			}
			if got, err = r.granted(ctx, b, got); err != nil {
				return err
			}
		}
		if got == "" {
			t.refused++
			continue
		}
		if err := r.open(ctx, t, b, got); err != nil {
			return err
		}
	}
	return nil
}

// open reads what a grant of content shows.
func (r *rehearsal) open(ctx context.Context, t *thief, b *stranger.Browser, grant string) error {
	if err := b.Visit(ctx, grant); err != nil {
		return err
	}
	t.take(b.Body())
	rows := messagesOn(b.Body())
	if err := r.step(ctx); err != nil {
		return err
	}
	for _, id := range rows {
		if err := r.pry(ctx, t, b, grant+"/messages/"+id); err != nil {
			return err
		}
	}
	return nil
}

// pry opens one message. Who has stolen the password and the codes can prove to
// be there as well as their owner.
func (r *rehearsal) pry(ctx context.Context, t *thief, b *stranger.Browser, message string) error {
	if err := b.Visit(ctx, message); err != nil {
		return err
	}
	t.take(b.Body())
	if err := r.step(ctx); err != nil {
		return err
	}
	if err := r.prove(ctx, b, t.stolen); err != nil {
		return err
	}
	t.take(b.Body())
	return nil
}

// customerOn reads whose case a page is.
func (r *rehearsal) customerOn(b *stranger.Browser) *customer {
	text := b.Text()
	for _, c := range r.world.customers {
		if strings.Contains(text, c.address) {
			return c
		}
	}
	return nil
}
