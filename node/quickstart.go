package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/postern-mail/postern/ledger/keyring"
)

// Started is what Quickstart made or found.
type Started struct {
	Written bool     `json:"written"`
	Domain  string   `json:"domain"`
	Records []string `json:"records"`
	LogKey  string   `json:"log_key"`
}

// Quickstart writes a config for a domain, with its keys; one that is there
// already is checked and left as it is.
func Quickstart(_ context.Context, file, domain string) (Started, error) {
	s := Started{Domain: domain}
	cfg, err := LoadConfig(file)
	if _, statErr := os.Stat(file); errors.Is(statErr, fs.ErrNotExist) {
		text := fmt.Sprintf(`# Postern. Every key is explained in docs/configuration.md; unknown keys are errors.

provider = %q
hostname = "mx.%s"
domains = [%q]
data = "postern-data"

[listen]
# All on loopback until you decide otherwise.
smtp = "127.0.0.1:2525"
submission = "127.0.0.1:2587"
imap = "127.0.0.1:2143"
`, domain, domain, domain)
		if _, err := ParseConfig([]byte(text)); err != nil {
			return s, err
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return s, fmt.Errorf("couldn't write the config: %w", err)
		}
		s.Written = true
		cfg, err = LoadConfig(file)
		if err != nil {
			return s, err
		}
	} else if err != nil {
		return s, err
	}
	keys, err := keyring.Load(context.Background(), cfg.KeySource())
	if err != nil {
		return s, err
	}
	s.LogKey = keys.LogPublic
	for _, d := range cfg.Domains {
		s.Records = append(s.Records,
			fmt.Sprintf("%s. MX 10 %s.", d, cfg.Hostname),
			fmt.Sprintf(`%s. TXT "v=spf1 mx -all"`, d),
			fmt.Sprintf(`_dmarc.%s. TXT "v=DMARC1; p=quarantine; rua=mailto:postmaster@%s"`, d, d))
	}
	return s, nil
}
