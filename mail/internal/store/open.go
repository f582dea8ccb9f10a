package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/blob"
	"github.com/postern-mail/postern/db"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is the customers' mail. It is safe for concurrent use.
type Store struct {
	db    *db.Handle
	blobs blob.Store
	now   func() time.Time
	log   *slog.Logger
	quota func(context.Context, postern.AccountID) (int64, error)
	watch *hub
	// sweeps wakes Run; what is to be deleted stands in mail_doomed.
	sweeps chan struct{}

	idMu   sync.Mutex
	lastID uint64 // the ordered half of the last MessageID
}

// Open makes the tables where they are missing.
func Open(ctx context.Context, p Parts) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := p.DB.Migrate(ctx, "mail_store", files); err != nil {
		return nil, err
	}
	s := &Store{db: p.DB, blobs: p.Blobs, now: p.Now, log: p.Log, quota: p.Quota, sweeps: make(chan struct{}, 1)}
	s.watch = newHub(s)
	return s, nil
}

// newMessageID makes an ID that sorts after those made before it by this
// process: 48 bits of milliseconds, 16 of counting, 64 of chance.
func (s *Store) newMessageID() [16]byte {
	now := uint64(s.now().UnixMilli()) << 16
	s.idMu.Lock()
	s.lastID = max(s.lastID+1, now)
	ordered := s.lastID
	s.idMu.Unlock()
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], ordered)
	rand.Read(id[8:])
	return id
}

// key turns an identifier into what the tables hold. What is no identifier
// names nothing.
func key[ID ~string](id ID) ([]byte, error) {
	b, err := hex.DecodeString(string(id))
	if err != nil || len(b) != 16 {
		return nil, notFound("there is no such thing: %d bytes of identifier", len(id))
	}
	return b, nil
}

func newKey() []byte {
	b := make([]byte, 16)
	rand.Read(b)
	return b
}

// digest is the 16 bytes under which a text is looked up; kind keeps
// Message-IDs and subjects apart.
func digest(kind, text string) []byte {
	h := sha256.Sum256([]byte(kind + "\x00" + text))
	return h[:16]
}

// blobName is where a message's bytes are.
func blobName(acc, id []byte) blob.Name {
	return blob.Name(hex.EncodeToString(acc) + "/" + hex.EncodeToString(id))
}

func notFound(format string, args ...any) error {
	return &postern.Error{Kind: postern.NotFound, Text: fmt.Sprintf(format, args...)}
}

func invalid(key, format string, args ...any) error {
	return &postern.Error{Kind: postern.Invalid, Key: key, Text: fmt.Sprintf(format, args...)}
}

func millis(t time.Time) int64 { return t.UnixMilli() }

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
