package drill

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/postern-mail/postern/drill/stranger"
)

// staffSignIn comes in with password and one-time code, like anybody who has
// both. It reports false when the credential no longer works.
func (r *rehearsal) staffSignIn(ctx context.Context, origin string, m *member, from, agent string) (*stranger.Browser, bool, error) {
	r.clock.pass(time.Minute) // a one-time code works once
	code, err := totp.GenerateCode(m.secret, r.clock.now())
	if err != nil {
		return nil, false, err
	}
	b := stranger.New("en", agent, from)
	if err := b.Visit(ctx, origin+"/sign-in"); err != nil {
		return nil, false, err
	}
	err = b.Post(ctx, origin+"/sign-in", url.Values{"login": {m.login}, "password": {m.password}, "code": {code}})
	if err != nil {
		return nil, false, err
	}
	if strings.HasSuffix(b.Address().Path, "/sign-in") {
		b.Close()
		return nil, false, r.step(ctx)
	}
	return b, true, r.step(ctx)
}

// asksProof says that the page refuses until its reader proves to be there.
func asksProof(b *stranger.Browser) bool { return len(b.Links("/prove?")) > 0 }

// prove gives password and one-time code again where the page asks for it, and
// so comes back to what was refused.
func (r *rehearsal) prove(ctx context.Context, b *stranger.Browser, m *member) error {
	if !asksProof(b) {
		return nil
	}
	form, err := url.Parse(b.Links("/prove?")[0])
	if err != nil {
		return err
	}
	if err := b.Visit(ctx, form.String()); err != nil {
		return err
	}
	r.clock.pass(time.Minute)
	code, err := totp.GenerateCode(m.secret, r.clock.now())
	if err != nil {
		return err
	}
	if err := b.Post(ctx, r.origins.Desk+"/prove", url.Values{"password": {m.password}, "code": {code}, "then": {form.Query().Get("then")}}); err != nil {
		return err
	}
	return r.step(ctx)
}

// customerSignIn opens a customer's mail in a browser.
func (r *rehearsal) customerSignIn(ctx context.Context, c *customer) (*stranger.Browser, error) {
	b := stranger.New(c.locale, "Mozilla/5.0 (drill customer)", "127.50.0.10")
	if err := b.Visit(ctx, r.origins.Mail+"/sign-in"); err != nil {
		return nil, err
	}
	if err := b.Post(ctx, r.origins.Mail+"/sign-in", url.Values{"address": {c.address}, "password": {c.password}}); err != nil {
		return nil, err
	}
	if strings.HasSuffix(b.Address().Path, "/sign-in") {
		return nil, fmt.Errorf("a customer couldn't sign in: %s", b.Text())
	}
	return b, nil
}

// openCase has a customer ask for help.
func (r *rehearsal) openCase(ctx context.Context, c *customer) error {
	b, err := r.customerSignIn(ctx, c)
	if err != nil {
		return err
	}
	defer b.Close()
	return expect(b, b.Post(ctx, r.origins.Mail+"/help", url.Values{"subject": {"I can't find a message"}, "text": {"It should have come this week. Can you look?"}}))
}

// answer has a customer answer what they are asked: yes to all of it, or no.
func (r *rehearsal) answer(ctx context.Context, c *customer, yes bool) error {
	b, err := r.customerSignIn(ctx, c)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := expect(b, b.Visit(ctx, r.origins.Mail+"/consent")); err != nil {
		return err
	}
	for _, link := range b.Links("/consent/") {
		u, err := url.Parse(link)
		if err != nil || strings.Count(u.Path, "/") != 2 {
			continue
		}
		if err := expect(b, b.Visit(ctx, link)); err != nil {
			return err
		}
		verb := "/decline"
		if yes {
			verb = "/agree"
		}
		if err := b.Submit(ctx, u.Path+verb); err != nil {
			return err
		}
	}
	return r.step(ctx)
}

// expect is an error when the last answer was a refusal, where none may be.
func expect(b *stranger.Browser, err error) error {
	if err != nil {
		return err
	}
	if b.Status() >= 400 {
		return fmt.Errorf("%s: %d: %s", b.Address().Path, b.Status(), b.Text())
	}
	return nil
}

// ask asks for a tier of a case's account, or of an address without a case. It
// gives the address of the grant, or of the request that waits, or "".
func (r *rehearsal) ask(ctx context.Context, b *stranger.Browser, action string, form url.Values) (string, error) {
	form.Set("reason", "customer-support")
	form.Set("sentence", "The customer cannot find a message and asked us to look")
	form.Set("minutes", "30")
	if err := b.Post(ctx, action, form); err != nil {
		return "", err
	}
	if err := r.step(ctx); err != nil {
		return "", err
	}
	if at := b.Address().Path; b.Status() < 400 && (strings.HasPrefix(at, "/grants/") || strings.HasPrefix(at, "/requests/")) {
		return b.Address().String(), nil
	}
	return "", nil
}

// granted gives a request's grant once somebody has agreed, else "".
func (r *rehearsal) granted(ctx context.Context, b *stranger.Browser, request string) (string, error) {
	if strings.Contains(request, "/grants/") {
		return request, nil
	}
	if err := b.Visit(ctx, request); err != nil {
		return "", err
	}
	if err := r.step(ctx); err != nil {
		return "", err
	}
	if strings.HasPrefix(b.Address().Path, "/grants/") {
		return b.Address().String(), nil
	}
	if links := b.Links("/grants/"); len(links) > 0 {
		return links[len(links)-1], nil
	}
	return "", nil
}

// caseOf finds the case page of a customer in the queue, "" when it is closed.
func (r *rehearsal) caseOf(ctx context.Context, b *stranger.Browser, c *customer) (string, error) {
	if err := expect(b, b.Visit(ctx, r.origins.Desk+"/cases?q="+url.QueryEscape(c.address))); err != nil {
		return "", err
	}
	for _, link := range b.Links("/cases/") {
		if u, err := url.Parse(link); err == nil && strings.Count(u.Path, "/") == 2 {
			return link, nil
		}
	}
	return "", nil
}

// give has the provider give a case to the outsourcer whose agent will work it.
func (r *rehearsal) give(ctx context.Context, agent *member, c *customer) error {
	if agent.organisation == "provider" {
		return nil
	}
	b, ok, err := r.staffSignIn(ctx, r.origins.Desk, r.world.second, r.world.second.from, "Mozilla/5.0 (drill dispatcher)")
	if err != nil || !ok {
		return fmt.Errorf("nobody gives cases to the outsourcer: %v", err)
	}
	defer b.Close()
	page, err := r.caseOf(ctx, b, c)
	if err != nil || page == "" {
		return fmt.Errorf("couldn't find the case to give: %v", err)
	}
	return expect(b, b.Post(ctx, page+"/organisation", url.Values{"organisation": {agent.organisation}}))
}

// work is one ordinary case, from the customer's question to its end.
func (r *rehearsal) work(ctx context.Context, agent *member, c *customer) error {
	if err := r.openCase(ctx, c); err != nil {
		return fmt.Errorf("couldn't open a case: %w", err)
	}
	r.card.Agents.Cases++
	r.clock.pass(5 * time.Minute)
	if err := r.give(ctx, agent, c); err != nil {
		return err
	}
	b, ok, err := r.staffSignIn(ctx, r.origins.Desk, agent, agent.from, "Mozilla/5.0 (drill agent)")
	if err != nil || !ok {
		return err // a contained agent's cases wait for a colleague
	}
	defer b.Close()
	page, err := r.caseOf(ctx, b, c)
	if err != nil || page == "" {
		return fmt.Errorf("couldn't find the case: %v", err)
	}
	if err := expect(b, b.Visit(ctx, page+"/diagnosis")); err != nil {
		return err
	}
	if err := r.step(ctx); err != nil {
		return err
	}
	if !r.chance(0.7) { // most cases end at the tier account
		return r.closeCase(ctx, b, page)
	}
	waited := false
	envelope, err := r.agreed(ctx, b, c, page, url.Values{"tier": {"envelope"}, "mailbox": {"INBOX"}}, 0.85, &waited)
	if err != nil {
		return err
	}
	if envelope != "" {
		if err := expect(b, b.Visit(ctx, envelope)); err != nil {
			return err
		}
		if err := r.step(ctx); err != nil {
			return err
		}
		if letters := messagesOn(b.Body()); len(letters) > 0 && r.chance(0.4) {
			one := letters[r.world.rng.IntN(len(letters))]
			content, err := r.agreed(ctx, b, c, page, url.Values{"tier": {"content"}, "messages": {one}}, 0.9, &waited)
			if err != nil {
				return err
			}
			if content != "" {
				if err := b.Visit(ctx, content+"/messages/"+one); err != nil {
					return err
				}
				if err := r.step(ctx); err != nil {
					return err
				}
				if err := r.prove(ctx, b, agent); err != nil {
					return err
				}
				if err := expect(b, nil); err != nil {
					return err
				}
			}
		}
	}
	if waited {
		r.card.Agents.Delayed++
	}
	return r.closeCase(ctx, b, page)
}

// agreed asks, and where somebody must agree has the customer answer after some
// minutes: yes with the given probability.
func (r *rehearsal) agreed(ctx context.Context, b *stranger.Browser, c *customer, page string, form url.Values, yes float64, waited *bool) (string, error) {
	got, err := r.ask(ctx, b, page+"/ask", form)
	if err != nil || got == "" {
		return "", err
	}
	if strings.Contains(got, "/requests/") {
		*waited = true
		r.clock.pass(time.Duration(2+r.world.rng.IntN(15)) * time.Minute)
		if err := r.answer(ctx, c, r.chance(yes)); err != nil {
			return "", err
		}
	}
	return r.granted(ctx, b, got)
}

// closeCase ends a case; some wait for the customer for days.
func (r *rehearsal) closeCase(ctx context.Context, b *stranger.Browser, page string) error {
	if r.chance(0.3) {
		return nil
	}
	r.clock.pass(2 * time.Minute)
	if err := b.Post(ctx, page+"/close", nil); err != nil {
		return err
	}
	return r.step(ctx)
}

// messagesOn reads the ids of the rows of an envelope page.
func messagesOn(body []byte) []string {
	var ids []string
	for _, m := range rowMessage.FindAllSubmatch(body, -1) {
		if id := string(m[1]); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
