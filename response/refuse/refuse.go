// Package refuse makes the errors with which the response centre says no: the
// kind a page chooses its status by, the key of the translated sentence, and the
// same in English for a log or a terminal.
//
// It keeps nothing.
//
// Trust: a key and a text are constants. Neither may hold a name, an address or
// anything of a customer.
package refuse

import (
	"errors"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Denied is for who may not.
func Denied(key, text string) error {
	return &postern.Error{Kind: postern.Denied, Key: key, Text: text}
}

// Invalid is for what cannot be understood, or makes no sense.
func Invalid(key, text string) error {
	return &postern.Error{Kind: postern.Invalid, Key: key, Text: text}
}

// Conflict is for what somebody else's act, or an earlier one, has overtaken.
func Conflict(key, text string) error {
	return &postern.Error{Kind: postern.Conflict, Key: key, Text: text}
}

// Unknown is for what is not there.
func Unknown(key, text string) error {
	return &postern.Error{Kind: postern.NotFound, Key: key, Text: text}
}

// Missing turns a missing row into Unknown, and leaves any other error as it is.
func Missing(err error, key, text string) error {
	if errors.Is(err, db.ErrNoRows) {
		return Unknown(key, text)
	}
	return err
}

// IsUnknown says whether an error is of what is not there.
func IsUnknown(err error) bool {
	var e *postern.Error
	return errors.As(err, &e) && e.Kind == postern.NotFound
}
