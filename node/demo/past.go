package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/node"
	"github.com/postern-mail/postern/staff"
)

// past is the nine weeks before the demo begins: a statement can only be about
// time that has passed. They run in a moment on a clock that steps, through the
// same rooms as everything else, and the witness cosigns as they go.
type past struct {
	n     *node.Node
	w     *witness
	at    time.Time
	cast  cast
	house map[string]account.Account
}

const weeks = 9

// nadia is of the provider. Bo has no past: what he did is what the story shows.
const nadia = "nadia@staff.outlook.example"

// history fills an empty data directory with people and their past.
func history(ctx context.Context, cfg node.Config, o node.Options, w *witness, c cast) (err error) {
	now := time.Now().UTC()
	p := past{w: w, cast: c, at: now.AddDate(0, 0, -7*weeks), house: map[string]account.Account{}}
	o.Now, o.Manual = func() time.Time { return p.at }, true
	if p.n, err = node.Open(ctx, cfg, o); err != nil {
		return err
	}
	defer func() {
		w.leaves.Store(nil)
		if closed := p.n.Close(); err == nil {
			err = closed
		}
	}()
	w.sees(p.n)
	if p.house, err = people(ctx, p.n, c); err != nil {
		return err
	}
	for _, act := range []struct {
		day  int // before today
		hour time.Duration
		do   func(context.Context) error
	}{
		{62, 9 * time.Hour, p.nothing},
		{58, 10 * time.Hour, p.lucieSeen},
		{47, 11 * time.Hour, p.signIns},
		{38, 14 * time.Hour, p.lucieDeclines},
		{29, 9 * time.Hour, p.signIns},
		{22, 15 * time.Hour, p.lucieSeenAgain},
		{16, 10 * time.Hour, p.tomDiagnosed},
		{9, 11 * time.Hour, p.signIns},
		{4, 16 * time.Hour, p.signIns},
	} {
		y, m, d := now.AddDate(0, 0, -act.day).Date()
		if err := p.until(ctx, time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Add(act.hour)); err != nil {
			return err
		}
		if err := act.do(ctx); err != nil {
			return fmt.Errorf("%d days ago: %w", act.day, err)
		}
	}
	// The last epoch covers all, so that proofs reach the present.
	return p.pass(ctx, 15*time.Minute)
}

// until lets time pass to a moment. The witness cosigns before and after, so
// that it is known what the log was at both.
func (p *past) until(ctx context.Context, at time.Time) error {
	if err := p.settle(ctx); err != nil {
		return err
	}
	p.at = at
	return p.n.Ledger.Cosign(ctx)
}

func (p *past) pass(ctx context.Context, d time.Duration) error {
	if err := p.settle(ctx); err != nil {
		return err
	}
	p.at = p.at.Add(d)
	return p.settle(ctx)
}

// settle puts what was done into the log.
func (p *past) settle(ctx context.Context) error {
	if _, err := p.n.Ledger.Sequence(ctx); err != nil {
		return err
	}
	return p.n.Ledger.Cosign(ctx)
}

func (p *past) nothing(context.Context) error { return nil }

// signIns are the customers' own.
func (p *past) signIns(ctx context.Context) error {
	for _, s := range []struct{ address, protocol, network, agent string }{
		{"ana@outlook.example", "web", "203.0.113.0/24", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
		{"lucie@msn.example", "imap", "198.51.100.0/24", "Thunderbird"},
		{"tom@hotmail.example", "web", "192.0.2.0/24", "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X)"},
	} {
		if err := p.pass(ctx, 23*time.Minute); err != nil {
			return err
		}
		if _, err := p.n.Accounts.SignIn(ctx, s.address, Password, account.From{Protocol: s.protocol, Network: s.network, Agent: s.agent}); err != nil {
			return err
		}
	}
	return nil
}

// lucieSeen: a case, a request, an agreement, and one message read.
func (p *past) lucieSeen(ctx context.Context) error {
	return p.seen(ctx, work{login: nadia, address: "lucie@msn.example", tier: postern.TierContent,
		subject: "Le courriel de la mairie s’affiche mal", text: "Bonjour,\n\nLa convocation de la mairie est pleine de signes étranges. Pouvez-vous regarder ?\n\nLucie Fontaine",
		letter:   letter{From: "Mairie de Port-Bail <etat-civil@mairie-port-bail.example>", Subject: "Votre rendez-vous à l’état civil", Plain: "Madame,\n\nVotre rendez-vous est confirmé pour mardi à 10 h, salle 3. Merci d’apporter une pièce d’identité.\n\nLe service de l’état civil\n"},
		sentence: "Pour voir avec quel codage le message de la mairie est arrivé.", answer: "Le message était mal codé chez l’expéditeur ; nous lui avons écrit."})
}

// lucieSeenAgain is of addresses and subjects alone.
func (p *past) lucieSeenAgain(ctx context.Context) error {
	return p.seen(ctx, work{login: nadia, address: "lucie@msn.example", tier: postern.TierEnvelope,
		subject: "La lettre de l’école n’est pas dans ma boîte", text: "Bonjour,\n\nL’école m’a écrit lundi et je ne trouve rien.\n\nLucie Fontaine",
		letter:   letter{From: "École des Tilleuls <secretariat@ecole-des-tilleuls.example>", Subject: "Réunion de rentrée", Plain: "Bonjour,\n\nLa réunion aura lieu jeudi à 18 h dans le préau.\n\nLe secrétariat\n"},
		sentence: "Pour chercher la lettre de l’école parmi les messages de lundi.", answer: "La lettre est là : elle avait été rangée avec les anciennes."})
}

// work is one case from its opening to its end.
type work struct {
	login, address        string
	tier                  postern.Tier
	subject, text, answer string
	letter                letter
	sentence              string
	declined              string // what the customer says instead of yes
}

func (p *past) lucieDeclines(ctx context.Context) error {
	return p.seen(ctx, work{login: nadia, address: "lucie@msn.example", tier: postern.TierContent,
		subject: "Trop de publicités", text: "Bonjour,\n\nJe reçois de plus en plus de publicités. Que faire ?\n\nLucie Fontaine",
		letter:   letter{From: "Grand Bazar <offres@grand-bazar.example>", Subject: "-30 % ce week-end", Plain: "Tout doit disparaître !\n"},
		sentence: "Pour lire une de ces publicités.", declined: "Non merci, je vais me désabonner moi-même.", answer: "Entendu. Le lien de désabonnement est en bas de chaque publicité."})
}

func (p *past) seen(ctx context.Context, w work) error {
	to := p.house[w.address]
	w.letter.To, w.letter.Seen = w.address, true
	id, err := post(ctx, p.n, p.house, w.letter, int(p.at.Unix()))
	if err != nil {
		return err
	}
	k, err := p.n.Cases.OpenCase(ctx, desk.NewCase{Account: to.ID, Address: to.Address, Name: to.Name, Locale: to.Locale, Subject: w.subject, Text: w.text})
	if err != nil {
		return err
	}
	by, err := p.session(ctx, w.login)
	if err != nil {
		return err
	}
	r, err := p.n.Gate.Ask(ctx, by, gate.Ask{Case: k.ID, Account: to.ID, Tier: w.tier, Scope: postern.Scope{Messages: []postern.MessageID{id}}, Reason: postern.ReasonSupport, Sentence: w.sentence})
	if err != nil {
		return err
	}
	if err := p.pass(ctx, 3*time.Minute); err != nil {
		return err
	}
	if w.declined != "" {
		err = p.n.Gate.Decline(ctx, to.ID, r.ID, w.declined)
	} else {
		err = p.shown(ctx, to, by, w, r.ID, id)
	}
	if err != nil {
		return err
	}
	if err := p.pass(ctx, time.Minute); err != nil {
		return err
	}
	if err := p.n.Desk.Reply(ctx, by, k.ID, w.answer); err != nil {
		return err
	}
	if err := p.n.Desk.Close(ctx, by, k.ID); err != nil {
		return err
	}
	return p.n.Staff.End(ctx, by.ID)
}

// shown is the agreement, the reading and the early end of the permission.
func (p *past) shown(ctx context.Context, to account.Account, by staff.Session, w work, r postern.RequestID, id postern.MessageID) error {
	g, err := p.n.Gate.Consent(ctx, to.ID, r, gate.Narrow{})
	if err != nil {
		return err
	}
	if err := p.pass(ctx, time.Minute); err != nil {
		return err
	}
	d, err := p.n.Gate.Reveal(ctx, by, gate.Want{Grant: g.ID, Tier: w.tier, Messages: []postern.MessageID{id}})
	if err != nil {
		return err
	}
	d.Done()
	if err := p.pass(ctx, 2*time.Minute); err != nil {
		return err
	}
	return p.n.Gate.Close(ctx, by, g.ID)
}

// tomDiagnosed: what support sees of an account without asking, which is in the
// ledger all the same.
func (p *past) tomDiagnosed(ctx context.Context) error {
	to := p.house["tom@hotmail.example"]
	k, err := p.n.Cases.OpenCase(ctx, desk.NewCase{Account: to.ID, Address: to.Address, Name: to.Name, Locale: to.Locale, Subject: "Is my mailbox nearly full?", Text: "Hello,\n\nMy phone says my mailbox is nearly full. Is it?\n\nTom"})
	if err != nil {
		return err
	}
	by, err := p.session(ctx, nadia)
	if err != nil {
		return err
	}
	if _, err := p.n.Desk.Diagnose(ctx, by, k.ID); err != nil {
		return err
	}
	if err := p.pass(ctx, 2*time.Minute); err != nil {
		return err
	}
	if err := p.n.Desk.Reply(ctx, by, k.ID, "It is almost empty: the phone was wrong."); err != nil {
		return err
	}
	if err := p.n.Desk.Close(ctx, by, k.ID); err != nil {
		return err
	}
	return p.n.Staff.End(ctx, by.ID)
}

func (p *past) session(ctx context.Context, login string) (s staff.Session, err error) {
	m, err := p.n.Staff.ByLogin(ctx, login)
	if err != nil {
		return s, err
	}
	// From this machine, as everybody in a demo: another network would be an alert.
	_, s, err = p.n.Staff.Demo().SignInAs(ctx, m.ID, staff.From{Network: "127.0.0.0/24", Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"})
	return s, err
}
