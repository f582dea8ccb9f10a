package verify

// phrase is one sentence or label of a report in both languages.
type phrase struct{ en, fr string }

// phrases holds everything a report says to people; [Report.Text] picks. Keys are "subject.", "verdict.", "why.",
// "fact." or "limit." and the stable name that machines read.
var phrases = map[string]phrase{
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
}
