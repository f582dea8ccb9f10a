package guarded

import "strings"

// The words of shapes, folded: lower case, without accents. wholeWords are met
// whole; stems are beginnings of words, of four letters or more. Both are made
// once and never written again.

var wholeWords = tabled(map[class]string{
	coded:  "code codes pin pins otp tan itan mtan tac codigo codigos codice clave claves cle key passcode digits figures chiffres ziffern cifras cijfers",
	asks:   "enter type quote use tap give copy entrez tapez tipp tippe ein eintragen escribe usa voer digite",
	access: "login signin log sign in2 2fa mfa entrar entra entre acces acceso accesso tan mtan",
	brief:  "once expires expire valid minutes minuten minutos minuti hour heure stunde hora hours heures stunden horas fois einmal vez caduca",
	fresh:  "new temp neu neue neues neuen nueva nuevo nuova nova reset forgot lost",
	other:  "order orders iban promo bug crash error erreur fehler seat meeting off",
})

var stems = tabled(map[class]string{
	coded: "passcode kennziff sicherheitscod bestatigungscod",
	asks:  "saisi introdu tapez recopi dict eingeb eingabe tippen geben ubertrag eintipp teclea escrib copia inserisc digit ingres ",
	access: "connexion connect connecter authent identif verif valid autoris autoriz authoris authoriz approv approuv confirm anmeld einlogg zugang zugriff zutritt " +
		"bestatig freigeb freigabe freischalt iniciar sesion ident acces recover recuper wiederherst unlock debloqu deverrouill desbloqu entsperr activ aktivier " +
		"securit sicherheit segurid sicurezz beveilig account compte konto cuenta inlogg aanmeld signatur unterschr firma firmar signer regain retrouv trust vertrau confian " +
		"pair koppel vincul associ appair factor facteur faktor zwei-fa bevestig dispositif gerat dispositivo device signing accedi login backup secours ersatz respald perfil profil beneficiar payee",
	pass:  "password passphrase passwort kennwort contrasen wachtwoord senha credential identifiant zugangsdat",
	fresh: "tempor provis vorlauf nouve oubli vergess olvid reiniti restabl zuruck reset forgot initial choose chois choix reimpost redefin opnieuw",
	brief: "expir valab gultig caduc valid verfall verlop einmalig eenmalig scade",
	other: "commande bestell pedido pedidos tracking suivi sendung colis paket parcel paquet invoice factur rechnung recibo receipt voucher gutschein rabatt descuent discount reduction " +
		"remise checkout kasse promo coupon cadeau regalo gift booking reserv reference localiz aktenzeich expedient appointment termin rendez exception debug issue ticket incid " +
		"fehlercode compil build version commit postal postleitz articl survey umfrage encuest sondage tarif",
})

const longestStem = 15

func tabled(by map[class]string) map[string]class {
	t := map[string]class{}
	for c, words := range by {
		for w := range strings.FieldsSeq(words) {
			t[w] |= c
		}
	}
	return t
}
