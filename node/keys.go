package node

import (
	"path/filepath"

	"github.com/postern-mail/postern/ledger/keyring"
)

// KeySource says where the config has the ledger's keys.
func (c Config) KeySource() keyring.Source {
	return keyring.Source{Dir: filepath.Join(c.Data, "keys"), Origin: c.Ledger.Origin, Identity: c.Keys.Identity, Open: c.Keys.Open, Sign: c.Keys.Sign}
}
