package drill

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/node"
)

// reaction is how long a responder needs to open an alert, on the simulated
// clock: somebody is on call.
const reaction = 5 * time.Minute

// watch looks at the alerts, as the responder's phone does.
func (r *rehearsal) watch(ctx context.Context) error {
	var alerts []node.AlertOut
	if err := r.node.Do(ctx, "alerts", struct{}{}, &alerts); err != nil {
		return err
	}
	for _, a := range alerts {
		if r.known[a.ID] {
			continue
		}
		r.known[a.ID] = true
		if a.Login != r.thief.stolen.login {
			r.card.Agents.FalseAlerts++
			continue
		}
		if r.thief.since.IsZero() { // of the owner, before anything was stolen
			r.card.Agents.FalseAlerts++
			continue
		}
		if r.alert == nil {
			r.alert, r.alarmed = &a, r.clock.now()
			r.card.Detect.By = a.Rule
			r.card.Detect.Seconds = a.At.Sub(r.thief.since).Seconds()
		}
	}
	return nil
}

// outsider ends what no rule noticed the way it ended in 2019: somebody else
// says so, when the quarter is over.
func (r *rehearsal) outsider(ctx context.Context) error {
	var staff []node.StaffOut
	if err := r.node.Do(ctx, "staff.list", struct{}{}, &staff); err != nil {
		return err
	}
	for _, m := range staff {
		if m.Login == r.thief.stolen.login && len(m.Credentials) > 0 {
			r.alert = &node.AlertOut{Login: m.Login, Credential: m.Credentials[0].ID}
		}
	}
	if r.alert == nil {
		return errors.New("the stolen credential is gone")
	}
	r.alarmed = r.clock.now()
	r.card.Detect.By, r.card.Detect.Seconds = "outsider", r.alarmed.Sub(r.thief.since).Seconds()
	r.busy = true
	defer func() { r.busy = false }()
	return r.respond(ctx)
}

// respond is the responder's first part, in the Response face: an incident, and
// the credential ended. Exposure and notices follow when the quarter is over.
func (r *rehearsal) respond(ctx context.Context) error {
	r.clock.to(r.alarmed.Add(reaction))
	if err := r.contain(ctx); err != nil {
		return fmt.Errorf("couldn't contain: %w", err)
	}
	return nil
}

func (r *rehearsal) contain(ctx context.Context) error {
	b, ok, err := r.staffSignIn(ctx, r.origins.Response, r.world.responder, r.world.responder.from, "Mozilla/5.0 (drill responder)")
	if err != nil || !ok {
		return errors.Join(err, errors.New("the responder could not sign in"))
	}
	defer b.Close()
	form := url.Values{"title": {"Stolen credential"}}
	if r.alert.ID != "" {
		form.Set("alert", string(r.alert.ID))
	}
	if err := expect(b, b.Post(ctx, r.origins.Response+"/incidents", form)); err != nil {
		return err
	}
	r.incident = b.Address().Scheme + "://" + b.Address().Host + b.Address().Path
	// The sequencer's tick is the drill's, and the answer waits for a position.
	ticking, stop := context.WithCancel(ctx)
	stopped := make(chan error, 1)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if _, err := r.node.Ledger.Sequence(ticking); err != nil && ticking.Err() == nil {
					stopped <- err
					return
				}
			case <-ticking.Done():
				stopped <- nil
				return
			}
		}
	}()
	begun := time.Now()
	err = expect(b, b.Post(ctx, r.incident+"/contain", url.Values{"kind": {"credential"}, "subject": {string(r.alert.Credential)}, "why": {"stolen, by the alert"}}))
	r.card.Contain.MS = milliseconds(time.Since(begun))
	stop()
	if err := errors.Join(err, <-stopped); err != nil {
		return err
	}
	r.contained = true
	return r.step(ctx)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// scope asks what was shown with the stolen credential, and compares.
func (r *rehearsal) scope(ctx context.Context) error {
	b, ok, err := r.staffSignIn(ctx, r.origins.Response, r.world.responder, r.world.responder.from, "Mozilla/5.0 (drill responder)")
	if err != nil || !ok {
		return errors.Join(err, errors.New("the responder could not sign in"))
	}
	defer b.Close()
	form := url.Values{"credential": {string(r.alert.Credential)}, "since": {r.thief.since.UTC().Format("2006-01-02T15:04")}}
	begun := time.Now()
	err = expect(b, b.Post(ctx, r.incident+"/scope", form))
	r.card.Scope.MS = milliseconds(time.Since(begun))
	if err != nil {
		return err
	}
	var out node.ScopeOut
	in := node.ScopeIn{Credentials: []string{string(r.alert.Credential)}, Since: r.thief.since.Truncate(time.Minute), Name: true}
	if err := r.node.Do(ctx, "scope", in, &out); err != nil {
		return err
	}
	named := map[postern.MessageID]seen{}
	for _, x := range out.Exposures {
		r.exposed[x.Account] = true
		for _, m := range x.Named {
			tier, _ := postern.TierNamed(m.Tier)
			if tier >= postern.TierEnvelope {
				named[m.Message] = seen{x.Account, m.Message, tier}
			}
		}
	}
	r.card.Found.AccountsEnvelope, r.card.Found.AccountsContent, r.card.Found.MessagesContent = counts(named)
	for id, got := range r.thief.received {
		if has, ok := named[id]; !ok || has.account != got.account || has.tier < got.tier {
			r.card.Missed++
		}
	}
	for id, has := range named {
		if got, ok := r.thief.received[id]; !ok || got.tier < has.tier {
			r.card.Extra++
		}
	}
	return nil
}

// tell has the notices drafted by one responder, approved by another, and sent;
// then it looks into the mailboxes.
func (r *rehearsal) tell(ctx context.Context) error {
	if len(r.exposed) == 0 {
		return r.count(ctx) // and nobody must have been told
	}
	first, ok, err := r.staffSignIn(ctx, r.origins.Response, r.world.responder, r.world.responder.from, "Mozilla/5.0 (drill responder)")
	if err != nil || !ok {
		return errors.Join(err, errors.New("the responder could not sign in"))
	}
	defer first.Close()
	for _, verb := range []string{"draft", "submit"} {
		if err := expect(first, first.Post(ctx, r.incident+"/notices/"+verb, nil)); err != nil {
			return err
		}
	}
	second, ok, err := r.staffSignIn(ctx, r.origins.Response, r.world.second, r.world.second.from, "Mozilla/5.0 (drill responder)")
	if err != nil || !ok {
		return errors.Join(err, errors.New("the second responder could not sign in"))
	}
	defer second.Close()
	for _, verb := range []string{"approve", "send"} {
		if err := expect(second, second.Post(ctx, r.incident+"/notices/"+verb, nil)); err != nil {
			return err
		}
	}
	id := postern.IncidentID(r.incident[strings.LastIndexByte(r.incident, '/')+1:])
	if _, err := r.node.Response.Send(ctx, id); err != nil {
		return err
	}
	if err := r.step(ctx); err != nil {
		return err
	}
	return r.count(ctx)
}

// count looks for notices in every mailbox, the customers' own way for those
// who have one.
func (r *rehearsal) count(ctx context.Context) error {
	n := &r.card.Notices
	n.Due = len(r.exposed)
	for _, c := range r.world.customers {
		held, err := r.node.Mail.Find(ctx, c.id, postern.Scope{Query: "from:security@" + domain(c.address), Limit: 100})
		if err != nil {
			return err
		}
		n.Sent += min(len(held), 1)
		if len(held) > 1 {
			n.Twice++
		}
		if len(held) > 0 && !r.exposed[c.id] {
			n.Wrong++
		}
		if len(held) == 0 {
			continue
		}
		b, err := r.customerSignIn(ctx, c)
		if err != nil {
			return err
		}
		err = expect(b, b.Visit(ctx, r.origins.Mail+"/message/"+string(held[0])))
		text := b.Text()
		b.Close()
		if err != nil {
			return err
		}
		switch {
		case strings.Contains(text, "Votre") || strings.Contains(text, "votre"):
			n.Languages["fr"]++
		case strings.Contains(text, "Your") || strings.Contains(text, "your"):
			n.Languages["en"]++
		}
	}
	return nil
}
