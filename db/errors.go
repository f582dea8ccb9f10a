package db

import (
	"database/sql"
	"errors"

	"github.com/postern-mail/postern"
)

// ErrNoRows is what Row gives when there is none.
var ErrNoRows = sql.ErrNoRows

// Result codes, https://sqlite.org/rescode.html, and SQLSTATEs, PostgreSQL
// appendix A.
const (
	sqliteFull           = 13
	sqliteIOErr          = 10
	sqliteReadOnly       = 8
	sqliteConstraintPK   = 1555
	sqliteConstraintUniq = 2067
	sqliteConstraintRow  = 2579

	pgUnique        = "23505"
	pgDiskFull      = "53100"
	pgDenied        = "42501"
	pgDeadlock      = "40P01"
	pgSerialization = "40001"
)

// IsUnique says that a row with this key stands already.
func IsUnique(err error) bool {
	code, state := codes(err)
	return state == pgUnique || code == sqliteConstraintPK || code == sqliteConstraintUniq || code == sqliteConstraintRow
}

// IsDenied says that the plane's role has no right to what it asked
// (PostgreSQL only: SQLite has files instead of roles).
func IsDenied(err error) bool {
	_, state := codes(err)
	return state == pgDenied
}

func retryable(err error) bool {
	_, state := codes(err)
	return state == pgDeadlock || state == pgSerialization
}

// classify gives the errors an operator can act on a kind and a sentence.
func classify(err error) error {
	code, state := codes(err)
	switch {
	case code&0xff == sqliteFull || state == pgDiskFull:
		return &postern.Error{Kind: postern.Unavailable, Key: "error.disk-full", Text: "the disk is full: free some space and try again; nothing was lost", Err: err}
	case code&0xff == sqliteIOErr:
		return &postern.Error{Kind: postern.Unavailable, Key: "error.disk", Text: "the disk cannot be read or written: check it, then try again", Err: err}
	case code&0xff == sqliteReadOnly:
		return &postern.Error{Kind: postern.Unavailable, Key: "error.disk", Text: "the database file is read-only: check its owner and the mount", Err: err}
	}
	return err
}

// codes reads the drivers' own codes without importing the drivers.
func codes(err error) (sqlite int, state string) {
	var s interface{ Code() int }
	if errors.As(err, &s) {
		sqlite = s.Code()
	}
	var p interface{ SQLState() string }
	if errors.As(err, &p) {
		state = p.SQLState()
	}
	return sqlite, state
}
