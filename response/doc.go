// Package response is the response centre: it notices that a support credential
// is being misused, ends it, says exactly what was shown to whom, tells every
// person concerned, once, and keeps the record of having done so.
//
// Read it in the order of an incident. Package detect reads the feeds of
// sign-ins and of the ledger and raises alerts. [Response.OpenIncident] makes an
// incident of them, whose clocks, tasks and timeline package incident keeps.
// [Response.Contain] ends the access through the gate. Package scope asks the
// ledger what was shown. Package notify tells the people, in the words of
// package notice. [Response] is all of them together: an act that touches two of
// them is a method of its own, and one transaction.
//
// # What it keeps
//
// Tables response_* of the response plane; each package says which are its own.
// Containments are here: response_containment.
//
// Trust: it handles who looked at what, account ids, and the name and address
// that stand in a notice. It cannot read mail: its only ways out are the gate's
// Contain and [Controls]. It must never see a subject or a message's text, nor
// put a name or an address in a log.
package response
