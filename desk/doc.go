// Package desk is where cases are worked: the queue, what customer and staff
// wrote to each other, the diagnosis that ends most cases without a look into
// a mailbox, and the trace of one message.
//
// Read [Cases] first: it is the store, and answers the gate's question whether
// a case is open. [Desk] is what agents do with it; whatever it shows of an
// account it gets from the gate, with a grant and a disclosure like any page.
//
// What it keeps: desk_case and desk_post in the staff plane: what a customer
// chose to tell the desk, the address they told it from, and the answers. A
// case's closing ends its grants in the same transaction.
//
// Trust: it handles names, addresses and letters of customers who asked for
// help, and must never log them. It has no way to a mailbox: it imports the gate
// and not the mail plane, and a test of the repository's keeps it so.
package desk
