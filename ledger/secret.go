package ledger

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/verify"
)

// secret is what is derived from an account's 32 random bytes k. Destroying the
// row that holds k makes the account's records unreadable, its commitments
// unopenable and its leaves unlinkable.
type secret struct {
	k         [32]byte
	pseudonym verify.ID
}

func secretFrom(k [32]byte) secret {
	return secret{k: k, pseudonym: idFrom(derive(k, "id", nil))}
}

func derive(k [32]byte, what string, id []byte) [32]byte {
	h := hmac.New(sha256.New, k[:])
	h.Write([]byte(what))
	h.Write(id)
	return [32]byte(h.Sum(nil))
}

func idFrom(b [32]byte) verify.ID { return verify.ID(b[:16]) }

// salt is the commitment's, one for each record.
func (s *secret) salt(id verify.ID) [32]byte { return derive(s.k, "salt", id[:]) }

// seal encrypts a record under a key of its own, so that the nonce can be zero.
func (s *secret) seal(id verify.ID, record []byte) []byte {
	key := derive(s.k, "record", id[:])
	return aead(key).Seal(nil, make([]byte, 12), record, id[:])
}

func (s *secret) open(id verify.ID, sealed []byte) ([]byte, error) {
	key := derive(s.k, "record", id[:])
	record, err := aead(key).Open(nil, make([]byte, 12), sealed, id[:])
	if err != nil {
		return nil, errors.New("a record does not decrypt: the row or the account's secret was altered")
	}
	return record, nil
}

func aead(key [32]byte) cipher.AEAD {
	b, err := aes.NewCipher(key[:])
	if err != nil {
		panic("32 bytes are an AES-256 key") // cannot happen
	}
	a, err := cipher.NewGCM(b)
	if err != nil {
		panic("AES has 16 byte blocks") // cannot happen
	}
	return a
}

// secrets keeps recently used accounts' secrets, so that the gate's transaction
// need not unwrap them.
type secrets struct {
	wrap     [32]byte
	provider secret // for controls that concern no account

	mu    sync.RWMutex
	known map[postern.AccountID]*secret
	whose map[verify.ID]postern.AccountID

	looked time.Time // when erasures were last counted
	erased int64     // how many there were
}

// cached bounds the memory of secrets at about 20 MB.
const cached = 1 << 16

func newSecrets(wrap [32]byte) (secrets, error) {
	if wrap == [32]byte{} {
		return secrets{}, errors.New("it is empty")
	}
	return secrets{
		wrap: derive(wrap, "account secrets", nil), provider: secretFrom(derive(wrap, "controls", nil)),
		known: map[postern.AccountID]*secret{}, whose: map[verify.ID]postern.AccountID{},
	}, nil
}

// staff gives a member's pseudonym in records.
func (s *secrets) staff(id postern.StaffID) (verify.ID, error) {
	if id == "" {
		return verify.ID{}, nil
	}
	return idFrom(derive(s.provider.k, "staff", []byte(id))), nil
}

// secretOf reads or makes the account's secret in the caller's transaction.
func (l *Ledger) secretOf(tx *db.Tx, id postern.AccountID) (*secret, error) {
	s := &l.secrets
	if err := s.current(tx, l.Now()); err != nil {
		return nil, err
	}
	s.mu.RLock()
	k := s.known[id]
	s.mu.RUnlock()
	if k != nil {
		return k, nil
	}
	if _, err := idOf(string(id)); err != nil || id == "" {
		return nil, &postern.Error{Kind: postern.Invalid, Text: "a record needs an account"}
	}
	var wrapped []byte
	err := tx.Row(`SELECT wrapped FROM ledger_account_secret WHERE account_id = ?1`, db.Args(string(id)), &wrapped)
	switch {
	case err == db.ErrNoRows:
		_, gone, err := erased(tx, id)
		if gone {
			err = errErased
		}
		if err != nil {
			return nil, err
		}
		return l.newSecret(tx, id)
	case err != nil:
		return nil, err
	}
	k, err = s.unwrap(id, wrapped)
	if err != nil {
		return nil, err
	}
	// The row may be this transaction's own, or a neighbour's in the same commit:
	// kept before the commit, it could be in use and missing.
	tx.AfterCommit(func() { s.keep(id, k) })
	return k, nil
}

func (l *Ledger) newSecret(tx *db.Tx, id postern.AccountID) (*secret, error) {
	var raw [32]byte
	rand.Read(raw[:]) // never fails (crypto/rand)
	k := secretFrom(raw)
	n, err := tx.Exec(`INSERT INTO ledger_account_secret (account_id, pseudonym, wrapped) VALUES (?1, ?2, ?3) ON CONFLICT (account_id) DO NOTHING`,
		string(id), k.pseudonym[:], l.secrets.seal(id, raw))
	if err != nil {
		return nil, fmt.Errorf("couldn't keep the account's secret: %w", err)
	}
	if n == 0 { // another node was first; its row is visible now that it committed
		var wrapped []byte
		if err := tx.Row(`SELECT wrapped FROM ledger_account_secret WHERE account_id = ?1`, db.Args(string(id)), &wrapped); err != nil {
			return nil, err
		}
		return l.secrets.unwrap(id, wrapped)
	}
	tx.AfterCommit(func() { l.secrets.keep(id, &k) })
	return &k, nil
}

func (s *secrets) seal(id postern.AccountID, k [32]byte) []byte {
	nonce := make([]byte, 12)
	rand.Read(nonce)
	return aead(s.wrap).Seal(nonce, nonce, k[:], []byte(id))
}

func (s *secrets) unwrap(id postern.AccountID, wrapped []byte) (*secret, error) {
	if len(wrapped) < 12 {
		return nil, errors.New("an account's secret is cut short")
	}
	raw, err := aead(s.wrap).Open(nil, wrapped[:12], wrapped[12:], []byte(id))
	if err != nil || len(raw) != 32 {
		return nil, errors.New("an account's secret does not unwrap: another wrapping key, or an altered row")
	}
	k := secretFrom([32]byte(raw))
	return &k, nil
}

func (s *secrets) keep(id postern.AccountID, k *secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= cached {
		clear(s.known)
		clear(s.whose)
	}
	s.known[id] = k
	s.whose[k.pseudonym] = id
}

// bySecret gives the account of a pseudonym and its secret; both are zero after
// erasure. For reading transactions, which see committed rows only.
func (l *Ledger) bySecret(tx *db.Tx, pseudonym verify.ID) (postern.AccountID, *secret, error) {
	s := &l.secrets
	if err := s.current(tx, l.Now()); err != nil {
		return "", nil, err
	}
	s.mu.RLock()
	id, ok := s.whose[pseudonym]
	k := s.known[id]
	s.mu.RUnlock()
	if ok && k != nil {
		return id, k, nil
	}
	var account string
	var wrapped []byte
	err := tx.Row(`SELECT account_id, wrapped FROM ledger_account_secret WHERE pseudonym = ?1`, db.Args(pseudonym[:]), &account, &wrapped)
	if err == db.ErrNoRows {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	k, err = s.unwrap(postern.AccountID(account), wrapped)
	if err != nil {
		return "", nil, err
	}
	s.keep(postern.AccountID(account), k)
	return postern.AccountID(account), k, nil
}
