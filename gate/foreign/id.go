package foreign

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/postern-mail/postern"
)

// place is where a message lies on the other server. It is what an id means:
// a message that is moved, or a mailbox that is made anew, has new ids.
type place struct {
	mailbox  uint32 // the first 32 bits of the name's SHA-256
	validity uint32 // UIDVALIDITY
	uid      uint32
}

func hashOf(mailbox string) uint32 {
	h := sha256.Sum256([]byte(mailbox))
	return binary.BigEndian.Uint32(h[:])
}

// checkWord is the last 32 bits of a plain block: another account's id, or an
// invented one, deciphers to something else but once in four thousand million,
// and then names no mailbox and UIDVALIDITY that exist.
const checkWord = 0x706f7374

// cipherOf gives the cipher of one account's ids.
func (m *Mailboxes) cipherOf(id postern.AccountID) (cipher.Block, error) {
	key, err := hkdf.Key(sha256.New, m.Secret[:], nil, "postern/v1 foreign message id\x00"+string(id), 16)
	if err != nil {
		return nil, err
	}
	return aes.NewCipher(key)
}

func seal(c cipher.Block, p place) postern.MessageID {
	var b [aes.BlockSize]byte
	binary.BigEndian.PutUint32(b[0:], p.mailbox)
	binary.BigEndian.PutUint32(b[4:], p.validity)
	binary.BigEndian.PutUint32(b[8:], p.uid)
	binary.BigEndian.PutUint32(b[12:], checkWord)
	c.Encrypt(b[:], b[:])
	return postern.MessageID(hex.EncodeToString(b[:]))
}

func unseal(c cipher.Block, id postern.MessageID) (p place, ok bool) {
	b, err := hex.DecodeString(string(id))
	if err != nil || len(b) != aes.BlockSize {
		return p, false
	}
	c.Decrypt(b, b)
	p = place{binary.BigEndian.Uint32(b[0:]), binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])}
	return p, binary.BigEndian.Uint32(b[12:]) == checkWord && p.uid != 0
}
