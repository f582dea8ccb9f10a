package drill

import "strings"

// names are invented people's.
var names = []string{"Ana Moreau", "Tom Becker", "Lucie Fontaine", "Sam Okafor", "Inès Carpentier", "Hugo Vidal", "Priya Raman", "Elif Demir", "Noah Lindgren",
	"Camille Roussel", "Paul Mercier", "Ngozi Adeyemi", "Clara Weiss", "Yannick Leroy", "Maya Cohen", "Owen Hughes"}

// topic is a kind of message.
type topic struct{ sender, host, subject, text string }

var topics = []topic{
	{"Garage Lemaire", "garage-lemaire.example", "Votre facture est prête", "Bonjour, la révision de votre voiture est terminée. La facture est jointe."},
	{"Harbour Clinic", "harbour-clinic.example", "Your appointment on Thursday", "This confirms your appointment. Please arrive ten minutes early."},
	{"Northline Rail", "northline-rail.example", "Your tickets", "Here are your tickets for Saturday. Show your booking number on board."},
	{"Librairie du Canal", "librairie-du-canal.example", "Les nouveautés du mois", "Samedi à 17 h, rencontre avec une autrice. Entrée libre."},
	{"Allotment Society", "allotment-society.example", "The water is off until Friday", "The tap by plot 14 is leaking again. There are two full butts behind the shed."},
	{"Mutuelle Horizon", "mutuelle-horizon.example", "Votre relevé de remboursements", "Votre relevé est disponible dans votre espace adhérent."},
}

// resets are the messages a thief prefers: they open other doors.
var resets = []topic{
	{"Photoshare", "photoshare.example", "Reset your password", "Somebody asked to reset the password of your account. To choose a new one, open https://photoshare.example/reset within an hour. If it was not you, ignore this message."},
	{"Banque du Port", "banque-du-port.example", "Réinitialisation de votre mot de passe", "Vous avez demandé à réinitialiser votre mot de passe. Pour choisir le nouveau, ouvrez https://banque-du-port.example/reinitialiser dans les 30 minutes."},
	{"Deskline", "deskline.example", "Your sign-in code", "Your sign-in code is 771 204. It works for 10 minutes. If you did not ask for it, change your password."},
}

func local(address string) string  { return address[:strings.IndexByte(address, '@')] }
func domain(address string) string { return address[strings.IndexByte(address, '@')+1:] }
