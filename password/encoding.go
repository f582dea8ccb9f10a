package password

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Bounds on what a stored hash may ask of this machine. They are wider than
// anything encode writes, so that costs can rise, and narrow enough that a row
// written by somebody else cannot take the memory.
const (
	maxTime      = 64
	maxMemoryKiB = 1 << 20
	maxField     = 64
	minField     = 8
)

// encode writes the PHC string form of a hash, the one argon2's own tool prints:
// "$argon2id$v=19$m=65536,t=3,p=4$<salt>$<hash>", base64 without padding.
func encode(c Cost, salt, hash []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.MemoryKiB, c.Time, c.Threads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(hash))
}

var errEncoding = errors.New("not an argon2id hash")

func decode(s string) (c Cost, salt, hash []byte, err error) {
	parts := strings.Split(s, "$")
	// encoding/base64 skips line breaks even when it is strict.
	if strings.ContainsAny(s, "\r\n") || len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return c, nil, nil, errEncoding
	}
	costs := strings.Split(parts[3], ",")
	if len(costs) != 3 {
		return c, nil, nil, errEncoding
	}
	var n [3]uint64
	for i, name := range []string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(costs[i], name)
		if !ok {
			return c, nil, nil, errEncoding
		}
		if n[i], err = strconv.ParseUint(digits, 10, 32); err != nil || n[i] == 0 || digits[0] == '0' {
			return c, nil, nil, errEncoding
		}
	}
	if n[0] > maxMemoryKiB || n[1] > maxTime || n[2] > 255 {
		return c, nil, nil, errEncoding
	}
	c = Cost{MemoryKiB: uint32(n[0]), Time: uint32(n[1]), Threads: uint8(n[2])}
	strict := base64.RawStdEncoding.Strict()
	if salt, err = strict.DecodeString(parts[4]); err != nil || len(salt) < minField || len(salt) > maxField {
		return c, nil, nil, errEncoding
	}
	if hash, err = strict.DecodeString(parts[5]); err != nil || len(hash) < minField || len(hash) > maxField {
		return c, nil, nil, errEncoding
	}
	return c, salt, hash, nil
}
