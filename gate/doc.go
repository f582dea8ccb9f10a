// Package gate is the one way from staff to a customer's mail: it takes
// requests, gets them agreed to, keeps the grants, writes down what is about to
// be shown, shows it, and ends all of that in one transaction.
//
// Read it in the order in which a support case uses it: [Policy] says who must
// agree to what; [Gate.Ask] makes a [Request]; [Gate.Approve], [Gate.Consent]
// or a customer's [Offer] turn it into a [Grant]; [Gate.Reveal] turns a grant
// into a [Delivery]; [Gate.Contain] ends a credential, session, grant, network
// or organisation with everything that hangs on it; [Gate.Looks] tells the
// customer.
//
// # What it keeps
//
// Tables in the staff plane, because the check and the record must be one
// transaction: gate_request, gate_grant, gate_agreement (of several
// approvers), gate_offer (what a customer agreed to beforehand), gate_preference,
// gate_once, gate_refusal, gate_reach and gate_read (what the budgets count),
// gate_containment, gate_ended (what open pages must hear of), gate_lease
// (deliveries that outlast their first two seconds). The history is not here but
// in the ledger, and every change of these tables that allows, refuses or ends
// something writes a ledger entry in the same transaction.
//
// # The invariants
//
//  1. Nothing is shown before it is in the ledger: [Gate.Authorise] checks and
//     records in one transaction, and only its commit yields a receipt.
//  2. A disclosure is covered by a grant that is live, belongs to the very
//     session that asks, and names the account, the tier and each message.
//  3. Nobody agrees to their own request; a deeper tier is never easier to get
//     than a shallower one ([Policy.check]).
//  4. Agreement only narrows: who agrees can take away messages, depth and
//     time, and never add any.
//  5. Whoever ends access takes the lock "containment" alone; whoever uses
//     access holds it shared. So every end has a place among the disclosures,
//     and none of what was ended stands after it.
//  6. When an end has returned, no byte of what was ended is on its way: each
//     delivery holds a lease that the end cuts and waits for.
//  7. A refusal is in the ledger even though the transaction that found it
//     wrote nothing: it is written in one of its own.
//  8. Where the policy masks envelopes, what is under the mask is opened one
//     field of one message at a time, each a disclosure of its own.
//  9. Emergency access has two approvers, one of them a responder, and the
//     promise to tell the customer is in the transaction that makes the grant
//     (github.com/postern-mail/postern/gate/hold).
//
// Trust: it handles ids, reasons, sentences and times, and passes on what the
// mail plane reveals without looking at it or keeping it. It must never hold a
// handle on the mail plane's database, log a sentence, or make a receipt for
// anything but a committed disclosure.
package gate
