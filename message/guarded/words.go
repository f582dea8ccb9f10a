package guarded

import (
	"regexp"
	"strings"

	"github.com/postern-mail/postern/message/internal/wordlist"
)

// The words are folded: lower case, no accents, one space. Constant; compiled once because compiling costs more than a message.

func words(patterns ...string) *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[^a-z])(?:` + strings.Join(patterns, "|") + `)(?:[^a-z]|$)`)
}

// strongCode are names that only one-time codes have.
var strongCode = &wordlist.List{Bit: 1 << 0, Reach: 80, Cues: strings.Split("code|otp|one-time|one time|enter th|usage unique|einmal|tan|codigo|clave|contrasena", "|"), Pattern: words(
	`(?:verification|security|login|log-in|sign-?in|sign in|authentication|two-factor|2fa|recovery|single-use|one-time) (?:pass)?codes?`,
	`one[- ]time (?:password|passcode|pin|code)`, `otp`, `enter (?:this|the following) (?:pin|code)`,
	`code (?:de|d') ?(?:verification|securite|connexion|authentification|validation)`, `(?:code|mot de passe) a usage unique`,
	`code (?:temporaire|secret)`, `sai(?:sissez|sir) (?:ce|le) code`, `entrez (?:ce|le) code`,
	`(?:bestatigungs|verifizierungs|sicherheits|einmal|anmelde|authentifizierungs|freischalt)-?code`, `einmal-?(?:passwort|kennwort)`, `tan`,
	`geben sie (?:den|diesen) (?:folgenden )?code`,
	`(?:codigo|clave) de (?:verificacion|seguridad|un solo uso|autenticacion|inicio de sesion)`, `contrasena de un solo uso`,
	`introdu(?:ce|zca) (?:este|el) codigo`, `clave dinamica`,
)}

// weakCode are names that other codes have too.
var weakCode = &wordlist.List{Bit: 1 << 1, Reach: 60, Cues: strings.Split("code|codigo", "|"), Pattern: words(
	`your code`, `code is`, `access code`, `confirmation code`, `passcode`, `pin code`, `code to (?:sign|log) in`,
	`votre code`, `code d'acces`, `code de confirmation`, `ihr code`, `dein code`, `zugangscode`, `tu codigo`, `su codigo`,
	`codigo de (?:acceso|confirmacion)`,
)}

var codeToken = regexp.MustCompile(`\b(?:[A-Z]-?[0-9]{4,8}|[0-9]{4,8}|[0-9]{3}[ -][0-9]{3,4}|[0-9](?: [0-9]){3,7}|[A-Z0-9]{3,5}-[A-Z0-9]{3,5}|[A-Z0-9]{6,10})\b`)

var (
	yearToken   = regexp.MustCompile(`^(?:19|20)[0-9]{2}$`)
	amountAfter = regexp.MustCompile(`^(?:[.,][0-9]|/[0-9]| ?(?:%|\$|eur|euro|usd|chf|gbp))`)
)

// passwordGiven is a password in the text itself.
var passwordGiven = &wordlist.List{Bit: 1 << 2, Reach: 300, Cues: strings.Split("password|mot de passe|passwort|kennwort|contrasena", "|"), Pattern: regexp.MustCompile(`(?:^|[^a-z])(?:` + strings.Join([]string{
	`your (?:new |temporary |initial )*password(?: is)? ?:`, `your (?:new|temporary|initial) password is [^ ]*[0-9]`,
	`(?:votre|le) (?:nouveau )?mot de passe(?: provisoire| temporaire| initial)?(?: est)? ?:`,
	`(?:ihr|dein) (?:neues |vorlaufiges |temporares )?(?:passwort|kennwort)(?: lautet| ist)? ?:`,
	`(?:tu|su) (?:nueva )?contrasena(?: temporal| provisional)?(?: es)? ?:`,
}, "|") + `) ?[^ ]*[0-9!]`)}

var resetWords = &wordlist.List{Bit: 1 << 3, Reach: 80, Cues: strings.Split("password|recover|mot de passe|passwort|kennwort|contrasena|clave|cuenta", "|"), Pattern: words(
	`(?:reset|recover|forgot|forgotten|change) (?:your|the|my) (?:[a-z]+ )?password`, `password (?:reset|recovery)`, `(?:set|choose|create) a new password`,
	`recover your account`, `account recovery`,
	`reinitialis(?:er|ation|ez) (?:de )?(?:votre|le|du|ton) mot de passe`, `mot de passe oublie`, `(?:choisir|definir|creer) un nouveau mot de passe`,
	`(?:passwort|kennwort) (?:zuruck(?:zu)?setzen|vergessen)`, `(?:passwort|kennwort)-?(?:zurucksetzung|wiederherstellung)`, `neues (?:passwort|kennwort)`,
	`(?:restablec|recuper|cambi)(?:er|ar|e|a|imiento de|acion de) (?:la |tu |su )?(?:contrasena|clave|cuenta)`, `(?:has|ha) olvidado (?:la|tu|su) contrasena`,
	`nueva contrasena`,
)}

var signInWords = &wordlist.List{Bit: 1 << 4, Reach: 60, Cues: strings.Split("link|lien |enlace", "|"), Pattern: words(
	`magic link`, `(?:sign|log)[- ]?in link`, `link to (?:sign|log) in`, `login link`, `lien (?:de connexion|magique)`, `anmelde-?link`, `login-?link`,
	`enlace (?:de acceso|magico|de inicio de sesion|para iniciar sesion)`,
)}

// tokenLink is a link with 12 or more signs that mix letters and digits, or a parameter that names a token.
var tokenLink = regexp.MustCompile(`(?i)https?://[^\s"'<>]*(?:[?&;](?:token|jeton|reset|key|code|otp|oobcode|ticket|t|k)=[^\s"'<>&]{8,}|[/=][A-Za-z_-]*[0-9]+[A-Za-z_-]+[A-Za-z0-9_-]{10,}|[/=-][A-Za-z]{2,}[A-Za-z0-9_-]*[0-9][A-Za-z0-9_-]{10,}|(?:reset|recover|reinit|restablec)[^\s"'<>]*[/=][A-Za-z0-9_-]{12,})`)

var robots = regexp.MustCompile(`^(?:.*(?:no-?_?reply|ne-?pas-?repondre|keine-?antwort|no-?responder|donotreply|security|seguridad|securite|notif|account|password|support|alert|avisos|service|verify).*|info|hello|hola|it|soporte|contact)$`)

var (
	expiryWords  = &wordlist.List{Bit: 1 << 5, Reach: 60, Cues: strings.Split("expire|valid|only be used|single use|valable|qu'une|gultig|verfallt|lauft|caduca|solo funciona", "|"), Pattern: regexp.MustCompile(`expires? (?:in|after|at)|will expire|valid for|only be used once|single use|expire dans|valable|qu'une (?:seule )?fois|gultig|verfallt|lauft .{0,20}ab|caduca|valid[oa] durante|solo funciona una vez`)}
	secrecyWords = &wordlist.List{Bit: 1 << 6, Reach: 40, Cues: strings.Split("not share|not give|not forw|n't share|n't give|n't forw|never share|never give|never forw|partagez|communiquez|transmettez|donnez|weiter|compart", "|"), Pattern: regexp.MustCompile(`(?:do not|don't|never) (?:share|give|forward)|ne (?:le |la )?(?:partagez|communiquez|transmettez|donnez)|(?:niemals|niemandem|nicht) weiter|no (?:lo |la )?compart|nunca compart`)}
	unaskedWords = &wordlist.List{Bit: 1 << 7, Reach: 40, Cues: strings.Split("not make|not requ|not ask|not try|not you|not init|not expe|n't make|n't requ|n't ask|n't try|n't you|n't init|n't expe|pas a l'origine|n'avez|angefordert|beantragt|veranlasst|anmelden woll| sido|solicit", "|"), Pattern: regexp.MustCompile(`(?:did not|didn't|weren't|was not|wasn't|not) (?:make|request|ask|try|you|initiate|expect)|(?:n'etes|n'etiez) pas a l'origine|n'avez (?:pas|rien) (?:fait|demande)|nicht (?:angefordert|beantragt|veranlasst|anmelden wollten)|(?:si )?no (?:has|ha) sido|no (?:lo )?(?:has|ha) solicitado|no solicit`)}
	replyWords   = regexp.MustCompile(`(?i)^ ?(?:re|fw|fwd|tr|aw|wg|rv|sv)(?:\[[0-9]+\])?:`)
	otherCodes   = &wordlist.List{Bit: 1 << 8, Reach: 60, Cues: strings.Split("code|codigo|meeting id|conference call|dial-in|id de reunion|besprechungs", "|"), Pattern: regexp.MustCompile(`(?:promo(?:tion(?:al)?)?|discount|coupon|voucher|referral|gift) ?codes?|codes? (?:promo|de reduction|cadeau|avantage)|(?:gutschein|rabatt)-?code|codigo (?:de descuento|promocional)|meeting id|conference call|dial-in|id de reunion|besprechungs-?id`)}
)

// allCues is for one pass over a text.
var allCues = wordlist.NewTable(strongCode, weakCode, passwordGiven, resetWords, signInWords, expiryWords, secrecyWords, unaskedWords, otherCodes)
