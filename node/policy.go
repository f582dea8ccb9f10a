package node

import "github.com/postern-mail/postern/gate/policy"

// house says whether the word names a policy of the house rather than a file.
func house(word string) bool {
	_, ok := policy.Named(word)
	return ok
}
