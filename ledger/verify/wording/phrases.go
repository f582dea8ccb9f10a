// Package wording holds every sentence and label that a verifier says, in English
// and in French. They are part of the formats: docs/ledger-format.md has those that
// another verifier must say, too.
//
// What it keeps: nothing.
//
// Trust: none. It is text.
package wording

// Phrase is one sentence or label in both languages.
type Phrase struct{ EN, FR string }

// Say gives the phrase of a name in a language: French for "fr", English for any
// other.
func Say(lang, name string) string {
	if lang == "fr" {
		return Phrases[name].FR
	}
	return Phrases[name].EN
}

// Phrases are read, never changed. Their names are "subject.", "verdict.", "why.",
// "fact." or "limit." and the stable name that machines read.
var Phrases = map[string]Phrase{
	"subject.checkpoint": {
		"Checkpoint",
		"Point de contrôle",
	},
	"subject.inclusion": {
		"Inclusion in the log",
		"Inclusion dans le journal",
	},
	"subject.consistency": {
		"Consistency of the log",
		"Cohérence du journal",
	},
	"subject.record": {
		"Record",
		"Enregistrement",
	},
	"verdict.verified": {
		"verified",
		"vérifié",
	},
	"verdict.refuted": {
		"REFUTED",
		"RÉFUTÉ",
	},
	"verdict.cannot tell": {
		"cannot tell",
		"impossible de conclure",
	},
	"why.format": {
		"The file is not in the format that its first line names.",
		"Le fichier ne respecte pas le format que sa première ligne annonce.",
	},
	"why.origin": {
		"The checkpoint comes from another log.",
		"Le point de contrôle vient d'un autre journal.",
	},
	"why.signature": {
		"The checkpoint carries no valid signature by a key you trust.",
		"Le point de contrôle ne porte aucune signature valable d'une clé de confiance.",
	},
	"why.inclusion": {
		"The log does not hold this entry at this position.",
		"Le journal ne contient pas cette entrée à cette position.",
	},
	"why.consistency": {
		"The newer log does not begin with the older one: something was altered or removed.",
		"Le journal récent ne commence pas par l'ancien : quelque chose a été modifié ou retiré.",
	},
	"why.rollback": {
		"The checkpoint that should be newer is smaller than the older one.",
		"Le point de contrôle censé être récent est plus petit que l'ancien.",
	},
	"why.fork": {
		"The log signed two different contents of the same size. Keep both files: together they are evidence.",
		"Le journal a signé deux contenus différents de même taille. Gardez les deux fichiers : ensemble, ils font preuve.",
	},
	"why.record": {
		"The opened record is malformed.",
		"L'enregistrement ouvert est mal formé.",
	},
	"why.tag": {
		"The proof of which account, tier and number this is does not hold.",
		"La preuve du compte, du niveau et du numéro ne tient pas.",
	},
	"why.series": {
		"The record does not belong to the month whose key is shown.",
		"L'enregistrement n'appartient pas au mois dont la clé est montrée.",
	},
	"why.unknown-file": {
		"This is not a file that this version knows.",
		"Cette version ne connaît pas ce genre de fichier.",
	},
	"why.policy": {
		"The policy does not allow a conclusion.",
		"La politique ne permet pas de conclure.",
	},
	"why.algorithm": {
		"This version cannot check the algorithm used.",
		"Cette version ne sait pas vérifier l'algorithme employé.",
	},
	"fact.origin": {
		"log",
		"journal",
	},
	"fact.size": {
		"entries in the log",
		"entrées du journal",
	},
	"fact.root": {
		"root hash",
		"empreinte racine",
	},
	"fact.key": {
		"log key",
		"clé du journal",
	},
	"fact.older-origin": {
		"older log",
		"ancien : journal",
	},
	"fact.older-size": {
		"older entries in the log",
		"ancien : entrées du journal",
	},
	"fact.older-root": {
		"older root hash",
		"ancien : empreinte racine",
	},
	"fact.older-key": {
		"older log key",
		"ancien : clé du journal",
	},
	"fact.newer-origin": {
		"newer log",
		"récent : journal",
	},
	"fact.newer-size": {
		"newer entries in the log",
		"récent : entrées du journal",
	},
	"fact.newer-root": {
		"newer root hash",
		"récent : empreinte racine",
	},
	"fact.newer-key": {
		"newer log key",
		"récent : clé du journal",
	},
	"fact.index": {
		"position",
		"position",
	},
	"fact.leaf": {
		"entry",
		"entrée",
	},
	"fact.leaf-hash": {
		"entry's hash",
		"empreinte de l'entrée",
	},
	"fact.time": {
		"time",
		"heure",
	},
	"fact.disclosure": {
		"disclosure",
		"divulgation",
	},
	"fact.tier": {
		"tier",
		"niveau",
	},
	"fact.account": {
		"account (pseudonym)",
		"compte (pseudonyme)",
	},
	"fact.staff": {
		"member of staff (pseudonym)",
		"membre du personnel (pseudonyme)",
	},
	"fact.session": {
		"session",
		"session",
	},
	"fact.grant": {
		"grant",
		"autorisation",
	},
	"fact.reason": {
		"reason",
		"motif",
	},
	"fact.fields": {
		"shown",
		"montré",
	},
	"fact.message": {
		"message",
		"message",
	},
	"fact.messages": {
		"messages",
		"messages",
	},
	"fact.node": {
		"machine",
		"machine",
	},
	"fact.number": {
		"number among this month's of its tier",
		"rang parmi les accès de ce niveau ce mois",
	},
	"fact.control": {
		"control record",
		"acte",
	},
	"fact.subject": {
		"subject",
		"objet",
	},
	"fact.detail": {
		"detail",
		"détail",
	},
	"limit.limits": {
		"What this does not show:",
		"Ce que cela ne montre pas :",
	},
	"limit.not-leaves": {
		"what the entries say: only that this is the state the log signed",
		"ce que disent les entrées : seulement que c'est l'état que le journal a signé",
	},
	"limit.not-content": {
		"what the entry stands for: its record must be opened for that",
		"ce que l'entrée représente : il faut pour cela ouvrir son enregistrement",
	},
	"limit.not-only": {
		"that everybody is shown the same log: compare checkpoints with others",
		"que tous voient le même journal : comparez les points de contrôle avec d'autres",
	},
	"limit.not-witnessed": {
		"that witnesses saw it: this policy asks for none",
		"que des témoins l'ont vu : cette politique n'en exige aucun",
	},
	"limit.not-keyboard": {
		"who sat at the keyboard: only whose session it was",
		"qui était au clavier : seulement de qui était la session",
	},
	"limit.not-bypass": {
		"access past the gate: by the machine's or the database's administrator, from backups, or with the customer's own password",
		"un accès hors de la poterne : par l'administrateur de la machine ou de la base, depuis une sauvegarde, ou avec le mot de passe du client",
	},
	"subject.non-access": {
		"Non-access",
		"Absence d'accès",
	},
	"subject.statement": {
		"Statement",
		"Déclaration",
	},
	"rests": {
		"It rests on SHA-256, the uniqueness of the VRF, a quorum of witnesses, one honest replayer of the map, and the provider's signed statement that the gate is the only way by which staff reach mailboxes.",
		"Cela repose sur SHA-256, l'unicité de la VRF, un quorum de témoins, un vérificateur honnête de la carte, et la déclaration signée du fournisseur que le guichet est le seul chemin du personnel vers les boîtes.",
	},
	"says.none": {
		"No leaf at positions [%s, %s) carries the tag of a disclosure of this tier or deeper to this account.",
		"Aucune feuille aux positions [%s, %s) ne porte l'étiquette d'une divulgation de ce niveau ou plus profonde concernant ce compte.",
	},
	"says.accessed": {
		"Disclosure %s of tier %s lies in the window.",
		"La divulgation %s de niveau %s se trouve dans la période.",
	},
	"why.witness": {
		"Fewer witnesses have cosigned than you ask for.",
		"Moins de témoins ont cosigné que vous n'en demandez.",
	},
	"why.window": {
		"The proof does not cover the window that it names.",
		"La preuve ne couvre pas la période qu'elle annonce.",
	},
	"why.statement": {
		"The signed statement says something else than the proof.",
		"La déclaration signée dit autre chose que la preuve.",
	},
	"why.epoch": {
		"The map that the proof rests on is not one of the log's, or is older than the window.",
		"La carte sur laquelle repose la preuve n'est pas du journal, ou est antérieure à la période.",
	},
	"why.map": {
		"A proof of what the map holds does not lead to its root.",
		"Une preuve du contenu de la carte ne mène pas à sa racine.",
	},
	"why.place": {
		"A disclosure does not stand where the proof says.",
		"Une divulgation n'est pas là où la preuve le dit.",
	},
	"why.accessed": {
		"There was access. The proof holds, and shows exactly which.",
		"Il y a eu accès. La preuve tient, et montre exactement lesquels.",
	},
	"why.proof": {
		"The statement speaks of a proof that is not there.",
		"La déclaration parle d'une preuve qui est absente.",
	},
	"why.edge": {
		"An access stands so near to the edge of the window that only the provider's clock says on which side. Choose a window that begins or ends elsewhere.",
		"Un accès est si proche du bord de la période que seule l'horloge du fournisseur dit de quel côté. Choisissez une période qui commence ou finit ailleurs.",
	},
	"why.unwitnessed": {
		"The order is proved, the times are not: no witness that you name vouches for them.",
		"L'ordre est prouvé, pas les dates : aucun témoin que vous nommez n'en répond.",
	},
	"why.erased": {
		"The record of this account was erased; nothing can be opened or proved any more.",
		"Le registre de ce compte a été effacé ; plus rien ne peut être ouvert ni prouvé.",
	},
	"why.word": {
		"This is the provider's signed word, not a proof.",
		"C'est la parole signée du fournisseur, pas une preuve.",
	},
	"fact.name": {
		"made for",
		"établi pour",
	},
	"fact.from": {
		"from",
		"du",
	},
	"fact.until": {
		"until",
		"au",
	},
	"fact.issued": {
		"issued",
		"émis le",
	},
	"fact.gate": {
		"gate",
		"guichet",
	},
	"fact.start-size": {
		"entries before",
		"entrées avant",
	},
	"fact.end-size": {
		"entries after",
		"entrées après",
	},
	"fact.latest-size": {
		"entries now",
		"entrées à ce jour",
	},
	"fact.epoch": {
		"map",
		"carte",
	},
	"fact.start-witness": {
		"witness, before",
		"témoin, avant",
	},
	"fact.end-witness": {
		"witness, after",
		"témoin, après",
	},
	"fact.latest-witness": {
		"witness, now",
		"témoin, à ce jour",
	},
	"fact.access": {
		"ACCESS",
		"ACCÈS",
	},
	"limit.not-round": {
		"access that goes round the gate: root, database administrators, backups",
		"un accès qui contourne le guichet : root, administrateurs de bases de données, sauvegardes",
	},
	"limit.not-who": {
		"who sat at the keyboard",
		"qui était au clavier",
	},
	"limit.not-password": {
		"access with the customer's own password",
		"un accès avec le mot de passe du client",
	},
	"limit.not-before": {
		"anything before the log began",
		"ce qui précède le début du journal",
	},
	"limit.not-number": {
		"that the number in the ledger was this account's all the time: compare it with earlier statements",
		"que le numéro au registre a toujours été celui de ce compte : comparez avec les déclarations précédentes",
	},
}
