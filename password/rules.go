package password

import (
	"time"
	"unicode/utf8"
)

// The lengths a password may have, in characters and bytes. Length is the only
// rule (NIST SP 800-63B-4, 3.1.1.2); the upper bound is against hashing novels.
const (
	MinCharacters = 8
	MaxBytes      = 1024
)

// Flaw says what is wrong with a new password.
type Flaw uint8

// The flaws.
const (
	Fine Flaw = iota
	TooShort
	TooLong
	NotText // not UTF-8
)

// Check judges a new password.
func Check(password string) Flaw {
	switch {
	case len(password) > MaxBytes:
		return TooLong
	case !utf8.ValidString(password):
		return NotText
	case utf8.RuneCountInString(password) < MinCharacters:
		return TooShort
	}
	return Fine
}

// The price of failures.
const (
	firstWait = 2 * time.Second
	longest   = 15 * time.Minute
	// Forget is how long after the last failure the count starts anew.
	Forget = time.Hour
)

// Wait says how long after the last of so many failures the next attempt may
// come: nothing for the first free ones, then 2 s, 4 s, … up to a quarter of an
// hour. Never for good: who can lock an owner out for good has been given a
// weapon.
func Wait(failures, free int) time.Duration {
	over := failures - free
	switch {
	case over < 0:
		return 0
	case over > 9:
		return longest
	}
	return min(firstWait<<over, longest)
}
