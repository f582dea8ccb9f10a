// Package notice puts the facts about one account into words: what a person
// affected by an incident is told, in French and in English.
//
// Read [Facts], then en.txt beside it.
//
// What it keeps: nothing; the words stand in en.txt and fr.txt.
//
// Trust: it is handed an address, counts and times, and never a subject or a
// message. What it writes goes to people who have reason to distrust it, so it
// must never contain a link, nor claim what the facts do not say.
package notice
