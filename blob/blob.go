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
	"io"
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
