package node

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/foreign"
	"github.com/postern-mail/postern/ledger"
)

// mailboxes are the ones that the gate looks into: ours, or those of another
// server. That server may be away when Postern starts, so what is wrong with it
// is logged and the rest works; what is wrong with the config is an error.
func (n *Node) mailboxes(ctx context.Context, mail *db.Handle, keys ledger.Keys) (gate.Mailboxes, error) {
	c := n.cfg.Gate.Foreign
	if c.Server == "" {
		return n.Mail, nil
	}
	password, err := foreign.ReadSecret(c.PasswordFile)
	if err != nil {
		return nil, fmt.Errorf("gate.foreign: password_file: %w", err)
	}
	server := foreign.Server{Address: c.Server, TLS: c.TLS, Master: c.Master, Password: password, Login: c.Login, Separator: c.Separator, LocalPart: c.LocalPart,
		Connections: c.Connections, Timeout: c.Timeout.Duration}
	if c.CA != "" {
		text, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("gate.foreign: couldn't read ca: %w", err)
		}
		server.Roots = x509.NewCertPool()
		if !server.Roots.AppendCertsFromPEM(text) {
			return nil, invalid("gate.foreign: ca: %s holds no certificate in PEM", c.CA)
		}
	}
	secret, err := foreignKey(filepath.Join(n.cfg.Data, "keys", "foreign.key"))
	if err != nil {
		return nil, err
	}
	m, err := foreign.Open(ctx, foreign.Parts{DB: mail, Accounts: directory{n}, ReceiptKey: keys.ReceiptPublic(), Secret: secret, Server: server, Now: n.now, Log: n.log})
	if err != nil {
		return nil, fmt.Errorf("gate.foreign: %w", err)
	}
	n.closers = append(n.closers, m.Close)
	anybody := ""
	if list, err := n.Accounts.List(ctx, "", 1); err == nil && len(list) > 0 {
		anybody = list[0].Address
	}
	switch err := m.Check(ctx, anybody); {
	case err != nil:
		n.log.Error("the mail server behind the gate can't be used: nothing can be shown until this is put right", "server", c.Server, "why", err)
	case anybody == "":
		n.log.Info("the mail server behind the gate answers; the master user is tried when there is an account", "server", c.Server)
	default:
		n.log.Info("the mail server behind the gate lets the master user in", "server", c.Server)
	}
	return m, nil
}

// foreignKey reads the key under which messages' ids are made, or makes it.
// Another key makes the ids of running grants mean nothing.
func foreignKey(file string) (key [32]byte, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		rand.Read(key[:]) // never fails (crypto/rand)
		f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return key, fmt.Errorf("couldn't keep the key of foreign messages' ids: %w", err)
		}
		_, err = f.WriteString(base64.StdEncoding.EncodeToString(key[:]) + "\n")
		return key, errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		return key, fmt.Errorf("couldn't read the key of foreign messages' ids: %w", err)
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(b) != len(key) {
		return key, &postern.Error{Kind: postern.Invalid, Text: file + " is damaged: restore it from the backup"}
	}
	return [32]byte(b), nil
}

// directory is what the foreign mailboxes may know of an account.
type directory struct{ n *Node }

func (d directory) Person(ctx context.Context, id postern.AccountID) (foreign.Person, error) {
	a, err := d.n.Accounts.ByID(ctx, id)
	return foreign.Person{Address: a.Address, Status: a.Status, Locale: a.Locale, Created: a.Created}, err
}
