package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/postern-mail/postern"
)

// words are the sentences of an explanation in one language.
type words struct {
	agree                                                              map[Agree]string
	two, longest, accounts, messages, hours, from, reauth, mask        string
	tokens, noTokens                                                   string
	nobody, outsourcers, noOutsourcers, tiers, staffOf, asTiers, noAsk string
	emergency, noEmergency, unbounded                                  string
}

var languages = map[string]words{
	"en": {
		agree: map[Agree]string{AgreeNobody: "nobody has to agree, and no case is needed", AgreeCase: "an open case of the customer is enough",
			AgreeCustomerOrStaff: "the customer agrees, or a second member of staff who may approve", AgreeCustomer: "the customer agrees, and nobody else can"},
		two: "the customer agrees, or %d different approvers", longest: "for %s at the longest", accounts: "an agent sees at most %s accounts an hour and %s a day",
		messages: "and at most %s messages an hour and %s a day", hours: "only in these hours: %s", from: "only from these networks: %s",
		reauth: "only if the agent proved to be there in the last %s", tokens: "API tokens prove nothing and may have it all the same", noTokens: "not by an API token, which cannot prove that anybody is there",
		mask:   "correspondents and digits are masked until each is opened by itself",
		nobody: "shown to nobody", outsourcers: "outsourcers may ask", noOutsourcers: "outsourcers may not ask", tiers: "Policy %q, for everybody:",
		staffOf: "For the staff of %s:", asTiers: "as for everybody", noAsk: "may not ask",
		emergency:   "Emergency access, without the customer: to the tier %s, for %s at the longest, with two approvers of whom one is a responder; the customer is told.",
		noEmergency: "There is no emergency access.", unbounded: "any number of",
	},
	"fr": {
		agree: map[Agree]string{AgreeNobody: "personne n'a à donner son accord, et aucun dossier n'est nécessaire", AgreeCase: "un dossier ouvert du client suffit",
			AgreeCustomerOrStaff: "le client donne son accord, ou un second membre du personnel habilité", AgreeCustomer: "le client donne son accord, et personne d'autre ne le peut"},
		two: "le client donne son accord, ou %d approbateurs différents", longest: "pour %s au plus", accounts: "un agent voit au plus %s comptes par heure et %s par jour",
		messages: "et au plus %s messages par heure et %s par jour", hours: "seulement à ces heures : %s", from: "seulement depuis ces réseaux : %s",
		reauth: "seulement si l'agent a prouvé sa présence depuis moins de %s", tokens: "les jetons d'API ne prouvent rien et y ont droit malgré tout", noTokens: "pas avec un jeton d'API, qui ne peut prouver la présence de personne",
		mask:   "les correspondants et les chiffres sont masqués, et s'ouvrent un par un",
		nobody: "montré à personne", outsourcers: "les sous-traitants peuvent demander", noOutsourcers: "les sous-traitants ne peuvent pas demander", tiers: "Politique « %s », pour tous :",
		staffOf: "Pour le personnel de %s :", asTiers: "comme pour tous", noAsk: "ne peut pas demander",
		emergency:   "Accès d'urgence, sans le client : jusqu'au niveau %s, pour %s au plus, avec deux approbateurs dont un intervenant ; le client en est informé.",
		noEmergency: "Il n'y a pas d'accès d'urgence.", unbounded: "un nombre illimité de",
	},
}

// Line is what an explanation says of one tier.
type Line struct {
	Organisation string   `json:"organisation,omitempty"` // "" for everybody
	Tier         string   `json:"tier"`
	Says         []string `json:"says"`
}

// Explain says in plain words, in "en" or "fr", what the policy means. Of an
// organisation it says what differs from what holds for everybody.
func (p Policy) Explain(language string) []Line {
	w, ok := languages[language]
	if !ok {
		w = languages["en"]
	}
	var all []Line
	base := map[postern.Tier]string{}
	say := func(org string) {
		for _, t := range postern.Tiers {
			r, may := p.For(postern.OrganisationID(org), "provider", t)
			says := []string{w.nobody}
			if may {
				says = w.rule(r)
			} else if org != "" {
				says = []string{w.noAsk}
			}
			switch text := strings.Join(says, "\n"); {
			case org == "":
				base[t] = text
			case text == base[t]:
				says = []string{w.asTiers}
			}
			all = append(all, Line{org, t.String(), says})
		}
	}
	say("")
	for _, id := range slices.Sorted(maps.Keys(p.Organisations)) {
		say(id)
	}
	return all
}

// Text gives the explanation as paragraphs.
func (p Policy) Text(language string) string {
	w, ok := languages[language]
	if !ok {
		w = languages["en"]
	}
	var b strings.Builder
	fmt.Fprintf(&b, w.tiers+"\n", p.Name)
	org := ""
	for _, l := range p.Explain(language) {
		if l.Organisation != org {
			org = l.Organisation
			fmt.Fprintf(&b, "\n"+w.staffOf+"\n", org)
		}
		fmt.Fprintf(&b, "  %-10s  %s\n", l.Tier, strings.Join(l.Says, "\n              "))
	}
	b.WriteString("\n")
	if p.Emergency.Tier == "" {
		b.WriteString(w.noEmergency + "\n")
	} else {
		fmt.Fprintf(&b, w.emergency+"\n", p.Emergency.Tier, plain(p.Emergency.Longest))
	}
	return b.String()
}

func (w words) rule(r Rule) (says []string) {
	add := func(format string, args ...any) { says = append(says, fmt.Sprintf(format, args...)) }
	if r.Agree == AgreeCustomerOrStaff && r.Approvers > 1 {
		add(w.two, r.Approvers)
	} else {
		add("%s", w.agree[r.Agree])
	}
	add(w.longest, plain(r.Longest))
	if r.AccountsPerHour > 0 || r.AccountsPerDay > 0 {
		add(w.accounts, w.number(r.AccountsPerHour), w.number(r.AccountsPerDay))
	}
	if r.MessagesPerHour > 0 || r.MessagesPerDay > 0 {
		add(w.messages, w.number(r.MessagesPerHour), w.number(r.MessagesPerDay))
	}
	if r.Reauth > 0 {
		add(w.reauth, plain(r.Reauth))
		if r.Tokens {
			add("%s", w.tokens)
		} else {
			add("%s", w.noTokens)
		}
	}
	if r.Mask {
		add("%s", w.mask)
	}
	if h := r.hours(); h != "always" {
		add(w.hours, h)
	}
	if len(r.Networks) > 0 {
		add(w.from, r.networks())
	}
	if r.Outsourcers {
		add("%s", w.outsourcers)
	} else {
		add("%s", w.noOutsourcers)
	}
	return says
}

func (w words) number(n int) string {
	if n == 0 {
		return w.unbounded
	}
	return fmt.Sprint(n)
}
