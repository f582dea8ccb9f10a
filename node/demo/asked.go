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

// asked is a question of the past to a customer: may I see this message? The
// answer is yes, or a sentence.
type asked struct {
	daysAgo           int
	agent             string
	tier              postern.Tier
	letter            letter // what it was about; its To is the customer
	subject, text     string
	why, no, answered string
}

var questions = []asked{
	{daysAgo: 33, agent: "nadia@staff.outlook.example", tier: postern.TierContent,
		letter:  letter{To: "lucie@msn.example", From: "Mairie de Port-Bail <etat-civil@mairie-port-bail.example>", Subject: "Votre rendez-vous à l’état civil", Plain: "Madame,\n\nVotre rendez-vous est confirmé pour mardi à 10 h, salle 3. Merci d’apporter une pièce d’identité.\n\nLe service de l’état civil\n", Seen: true},
		subject: "La lettre de la mairie s’affiche mal", text: "Bonjour,\n\nLa lettre de la mairie est pleine de signes étranges. Pouvez-vous regarder ?\n\nLucie Fontaine",
		why: "Pour voir avec quel codage la lettre de la mairie est arrivée.", answered: "La lettre avait été mal codée à l’envoi. Nous avons écrit à la mairie."},
	{daysAgo: 26, agent: "nadia@staff.outlook.example", tier: postern.TierContent,
		letter:  letter{To: "lucie@msn.example", From: "Grand Bazar <offres@grand-bazar.example>", Subject: "-30 % ce week-end", Plain: "Tout doit disparaître !\n", Seen: true},
		subject: "Trop de publicités", text: "Bonjour,\n\nJe reçois de plus en plus de publicités. Que faire ?\n\nLucie Fontaine",
		why: "Pour lire une de ces publicités.", no: "Non merci, je vais me désabonner moi-même.", answered: "Entendu. Le lien pour se désabonner est en bas de chaque publicité."},
	{daysAgo: 19, agent: "nadia@staff.outlook.example", tier: postern.TierEnvelope,
		letter:  letter{To: "lucie@msn.example", From: "École des Tilleuls <secretariat@ecole-des-tilleuls.example>", Subject: "Réunion de rentrée", Plain: "Bonjour,\n\nLa réunion aura lieu jeudi à 18 h dans le préau.\n\nLe secrétariat\n", Seen: true},
		subject: "La lettre de l’école n’est pas là", text: "Bonjour,\n\nL’école m’a écrit lundi et je ne trouve rien.\n\nLucie Fontaine",
		why: "Pour chercher la lettre de l’école parmi les messages de lundi.", answered: "La lettre est là : elle était rangée avec les anciennes."},
}

// ask is one question, from the case to its end.
func (w *witness) ask(ctx context.Context, n *node.Node, q asked) error {
	to, err := n.Accounts.ByAddress(ctx, q.letter.To)
	if err != nil {
		return err
	}
	id, err := post(ctx, n, map[string]account.Account{to.Address: to}, q.letter, q.daysAgo)
	if err != nil {
		return err
	}
	opened, err := n.Cases.OpenCase(ctx, desk.NewCase{Account: to.ID, Address: to.Address, Name: to.Name, Locale: to.Locale, Subject: q.subject, Text: q.text})
	if err != nil {
		return err
	}
	agent, err := n.Staff.ByLogin(ctx, q.agent)
	if err != nil {
		return err
	}
	if err := w.pass(ctx, n, 12*time.Minute); err != nil {
		return err
	}
	_, s, err := n.Staff.Demo().SignInAs(ctx, agent.ID, staff.From{Network: "127.0.0.0/24", Agent: "Mozilla/5.0 (demo)"})
	if err != nil {
		return err
	}
	r, err := n.Gate.Ask(ctx, s, gate.Ask{Case: opened.ID, Account: to.ID, Tier: q.tier, Scope: postern.Scope{Messages: []postern.MessageID{id}}, Reason: postern.ReasonSupport, Sentence: q.why})
	if err != nil {
		return err
	}
	if err := w.pass(ctx, n, 4*time.Minute); err != nil {
		return err
	}
	if q.no != "" {
		err = n.Gate.Decline(ctx, to.ID, r.ID, q.no)
	} else {
		err = w.agreed(ctx, n, q, to.ID, s, r.ID, id)
	}
	if err != nil {
		return err
	}
	if err := n.Desk.Reply(ctx, s, opened.ID, q.answered); err != nil {
		return err
	}
	return n.Desk.Close(ctx, s, opened.ID)
}

// agreed is the customer's yes, the message seen, and the permission given back.
func (w *witness) agreed(ctx context.Context, n *node.Node, q asked, to postern.AccountID, s staff.Session, r postern.RequestID, id postern.MessageID) error {
	g, err := n.Gate.Consent(ctx, to, r, gate.Narrow{})
	if err != nil {
		return err
	}
	if err := w.pass(ctx, n, time.Minute); err != nil {
		return err
	}
	shown, err := n.Gate.Reveal(ctx, s, gate.Want{Grant: g.ID, Tier: q.tier, Messages: []postern.MessageID{id}})
	if err != nil {
		return err
	}
	shown.Done()
	if err := w.pass(ctx, n, 2*time.Minute); err != nil {
		return err
	}
	return n.Gate.Close(ctx, s, g.ID)
}

// pass lets time go by, with all that was done in the ledger before.
func (w *witness) pass(ctx context.Context, n *node.Node, d time.Duration) error {
	if err := publish(ctx, n); err != nil {
		return err
	}
	w.set(w.clock().Add(d))
	return nil
}

// signIns are the customers' own, every few days.
func signIns(ctx context.Context, n *node.Node) error {
	for _, s := range []struct{ address, protocol, network, agent string }{
		{"ana@outlook.example", "web", "203.0.113.0/24", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
		{"lucie@msn.example", "imap", "198.51.100.0/24", "Thunderbird"},
	} {
		if _, err := n.Accounts.SignIn(ctx, s.address, Password, account.From{Protocol: s.protocol, Network: s.network, Agent: s.agent}); err != nil {
			return fmt.Errorf("%s signs in: %w", s.address, err)
		}
	}
	return nil
}
