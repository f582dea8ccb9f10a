// Package blob keeps bytes by name: message bodies on disk, and one day in any
// S3-compatible object store.
//
// What it keeps: one file per blob under its directory, spread over 256
// folders by the last two hexadecimal digits of the name.
//
// Trust: it handles whole messages and never looks into them. Whoever can read
// its directory can read all mail.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/postern-mail/postern"
)

// ErrNotFound is what Open gives for a name that was never put or is deleted.
var ErrNotFound = errors.New("no blob of that name")

// Name is a blob's name: lower-case hexadecimal digits and '/', at most 200
// bytes, "6f1e…/01ab…": owner first, so that one account's blobs lie together.
type Name string

// Store keeps blobs. Put is durable when it returns, and a name is written
// once: putting other bytes under it is an error. Open may be called while
// others put. Delete of an absent name is no error.
type Store interface {
	Put(ctx context.Context, name Name, b []byte) error
	Open(ctx context.Context, name Name) (io.ReadSeekCloser, error)
	Delete(ctx context.Context, name Name) error
}

// maxName bounds a name, so that it fits a file's.
const maxName = 200

// check refuses what is not a name, before it can be a path.
func (n Name) check() error {
	bad := len(n) < 2 || len(n) > maxName
	for i := 0; i < len(n) && !bad; i++ {
		switch c := n[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
		case c == '/':
			bad = i == 0 || i >= len(n)-2 || n[i-1] == '/'
		default:
			bad = true
		}
	}
	if bad {
		return &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("%.40q is no name of a blob: write lower-case hexadecimal digits, with single slashes between them", string(n))}
	}
	return nil
}
