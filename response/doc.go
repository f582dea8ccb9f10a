// Package response is the response centre: it notices that a support credential
// is being misused, ends it, says exactly what was shown to whom, tells every
// person concerned, once, and keeps the record of having done so.
//
// Read it in the order of an incident: [Response.Tick] reads the feeds of
// sign-ins and of the ledger and raises an [Alert] by the [Rules];
// [Response.OpenIncident] makes an [Incident] with its clocks, tasks and
// timeline; [Response.Contain] ends the access through the gate;
// [Response.Scope] asks the ledger what was shown ([Expose] adds it up);
// [Response.Draft], [Response.Approve] and [Response.Send] tell the people.
//
// # What it keeps
//
// Tables response_* of the response plane: how far each feed was read
// (response_cursor), what the rules need to remember (response_reach,
// response_session, response_streak), alerts with their evidence, incidents with
// an append-only timeline and tasks, containments, scopes with their exposures
// (each saved as a version), notices with the very words that were approved.
//
// # The invariants
//
//  1. A feed's cursor moves in the transaction that writes what was concluded
//     from it: whatever was read twice is concluded once.
//  2. An exposure is computed from the ledger alone, never from alerts; every
//     selected entry is counted in exactly one exposure or as erased.
//  3. Whoever drafted a version of the notices does not approve it, and what
//     was approved is what is sent, letter for letter.
//  4. Of one notice and version, one is delivered: a notice is claimed before it
//     is handed over, delivery is idempotent by notice and version, and one that
//     was found claimed after a crash is handed over again under the same name.
//
// Trust: it handles who looked at what, account ids, and the name and address
// that stand in a notice. It cannot read mail: its only ways out are the gate's
// Contain and [Controls]. It must never see a subject or a message's text, nor
// put a name or an address in a log.
package response
