package node

import "github.com/postern-mail/postern/node/readers"

// What the command line asks of an incident's notices.
type (
	NoticesIn  = readers.NoticesIn
	NoticesOut = readers.NoticesOut
	CodeIn     = readers.CodeIn
	CodeOut    = readers.CodeOut
)

// readers is what the response centre may do in the mail plane.
func (n *Node) readers() readers.Readers {
	return readers.Readers{Accounts: n.Accounts, Mail: n.Mail, Queue: n.Queue, Hostname: n.cfg.Hostname, House: n.cfg.Domains[0], Provider: n.cfg.Provider, Now: n.now}
}

func lastAt(address string) int {
	for i := len(address) - 1; i >= 0; i-- {
		if address[i] == '@' {
			return i
		}
	}
	return -1
}
