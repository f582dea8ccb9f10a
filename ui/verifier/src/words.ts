// What a verifier says, in the words of docs/ledger-format.md.
import { Report } from "./check";

type Lang = "en" | "fr";
const words: Record<string, [string, string]> = {
  verified: ["verified", "vérifié"], refuted: ["REFUTED", "RÉFUTÉ"], "cannot tell": ["cannot tell", "impossible de conclure"],
  none: ["No leaf at positions [%s, %s) carries the tag of a disclosure of this tier or deeper to this account.", "Aucune feuille aux positions [%s, %s) ne porte l'étiquette d'une divulgation de ce niveau ou plus profonde concernant ce compte."],
  accessed: ["Disclosure %s of tier %s lies in the window.", "La divulgation %s de niveau %s se trouve dans la période."],
  rests: ["It rests on SHA-256, the uniqueness of the VRF, a quorum of witnesses, one honest replayer of the map, and the provider's signed statement that the gate is the only way by which staff reach mailboxes.", "Cela repose sur SHA-256, l'unicité de la VRF, un quorum de témoins, un vérificateur honnête de la carte, et la déclaration signée du fournisseur que le guichet est le seul chemin du personnel vers les boîtes."],
  limits: ["What this does not show:", "Ce que cela ne montre pas :"],
  "not-round": ["access that goes round the gate: root, database administrators, backups", "un accès qui contourne le guichet : root, administrateurs de bases de données, sauvegardes"],
  "not-who": ["who sat at the keyboard", "qui était au clavier"],
  "not-password": ["access with the customer's own password", "un accès avec le mot de passe du client"],
  "not-before": ["anything before the log began", "ce qui précède le début du journal"],
  "not-number": ["that the number in the ledger was this account's all the time: compare it with earlier statements", "que le numéro au registre a toujours été celui de ce compte : comparez avec les déclarations précédentes"],
  "not-leaves": ["what the entries say: only that this is the state the log signed", "ce que disent les entrées : seulement que c'est l'état que le journal a signé"],
  "not-only": ["that everybody is shown the same log: compare checkpoints with others", "que tous voient le même journal : comparez les points de contrôle avec d'autres"],
  "not-content": ["what the entry stands for: its record must be opened for that", "ce que l'entrée représente : il faut pour cela ouvrir son enregistrement"],
  "not-keyboard": ["who sat at the keyboard: only whose session it was", "qui était au clavier : seulement de qui était la session"],
  "not-bypass": ["access past the gate: by the machine's or the database's administrator, from backups, or with the customer's own password", "un accès hors de la poterne : par l'administrateur de la machine ou de la base, depuis une sauvegarde, ou avec le mot de passe du client"],
  here: ["Checked in this browser: %s", "Contrôlé dans ce navigateur : %s"],
  "fact.origin": ["log", "journal"], "fact.size": ["entries in the log", "entrées du journal"], "fact.index": ["position", "position"], "fact.older-size": ["older entries", "ancien : entrées"], "fact.newer-size": ["newer entries", "récent : entrées"],
  "fact.time": ["time", "heure"], "fact.tier": ["tier", "niveau"], "fact.account": ["account (pseudonym)", "compte (pseudonyme)"], "fact.staff": ["member of staff (pseudonym)", "membre du personnel (pseudonyme)"],
  "fact.session": ["session", "session"], "fact.grant": ["grant", "autorisation"], "fact.messages": ["messages", "messages"], "fact.node": ["machine", "machine"], "fact.subject": ["subject", "objet"], "fact.detail": ["detail", "détail"],
  "fact.name": ["made for", "établi pour"], "fact.from": ["from", "du"], "fact.until": ["until", "au"], "fact.start-size": ["entries before", "entrées avant"], "fact.end-size": ["entries after", "entrées après"], "fact.latest-size": ["entries now", "entrées à ce jour"],
  "why.accessed": ["There was access. The proof holds, and shows exactly which.", "Il y a eu accès. La preuve tient, et montre exactement lesquels."],
  "why.unwitnessed": ["The order is proved, the times are not: no witness that you name vouches for them.", "L'ordre est prouvé, pas les dates : aucun témoin que vous nommez n'en répond."],
  "why.witness": ["Fewer witnesses have cosigned than you ask for.", "Moins de témoins ont cosigné que vous n'en demandez."],
  "why.erased": ["The record of this account was erased; nothing can be opened or proved any more.", "Le registre de ce compte a été effacé ; plus rien ne peut être ouvert ni prouvé."],
  "why.word": ["This is the provider's signed word, not a proof.", "C'est la parole signée du fournisseur, pas une preuve."],
  "why.edge": ["An access stands so near to the edge of the window that only the provider's clock says on which side.", "Un accès est si proche du bord de la période que seule l'horloge du fournisseur dit de quel côté."],
  "why.unknown-file": ["This is not a file that this version knows.", "Cette version ne connaît pas ce genre de fichier."],
  "why.policy": ["The list of whom to believe can't be used.", "La liste de ceux qu'il faut croire est inutilisable."],
  "why.origin": ["The file comes from another log than the list names.", "Le fichier vient d'un autre journal que celui de la liste."],
  "why.signature": ["No signature by a key you trust holds.", "Aucune signature d'une clé de confiance ne tient."],
  "why.other": ["The file does not hold.", "Le fichier ne tient pas."],
};
const tiersFR: Record<string, string> = { account: "compte", trace: "trajet", envelope: "enveloppe", content: "contenu", attachment: "pièces jointes" };

export const say = (lang: Lang, name: string) => (words[name] ?? words["why.other"])[lang === "fr" ? 1 : 0];

export interface Told { verdict: string; because: string; says: string[]; rests: string; notTitle: string; not: string[]; detail: string }

export function tell(r: Report, lang: Lang): Told {
  const fill = (s: { name: string; args: string[] }) => {
    let i = 0;
    return say(lang, s.name).replace(/%s/g, () => { const a = s.args[i++]; return lang === "fr" ? tiersFR[a] ?? a : a; });
  };
  return {
    verdict: say(lang, r.verdict), because: r.why ? say(lang, "why." + r.why) : "", says: r.says.map(fill), rests: r.rests ? say(lang, "rests") : "",
    notTitle: say(lang, "limits"), not: r.limits.map((l) => say(lang, l)), detail: r.why ? `${r.why}: ${r.detail}` : "",
  };
}
