package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/node/spelling"
)

// Config is postern.toml. Every field has a default but Hostname and Domains;
// unknown keys are errors. The comments are the manual: docs/configuration.md
// is made from them.
type Config struct {
	// Data is the directory with the databases, messages, keys and the control
	// socket, relative to the config file. Whoever can read it can read all mail.
	Data string `toml:"data"`
	// Provider is the name that pages and notices give: "Example Mail".
	Provider string `toml:"provider"`
	// Hostname is what SMTP says it is, and the name in Received lines and
	// checkpoints: "mx.example.org".
	Hostname string `toml:"hostname"`
	// Domains are the mail domains this provider hosts. Mail for any other is
	// relayed for signed-in customers alone.
	Domains []string `toml:"domains"`

	Database DatabaseConfig `toml:"database"`
	Listen   ListenConfig   `toml:"listen"`
	Origins  OriginsConfig  `toml:"origins"`
	TLS      TLSConfig      `toml:"tls"`
	Mail     MailConfig     `toml:"mail"`
	Gate     GateConfig     `toml:"gate"`
	Ledger   LedgerConfig   `toml:"ledger"`
	Detect   DetectConfig   `toml:"detect"`
	Keys     KeysConfig     `toml:"keys"`
	Staff    StaffConfig    `toml:"staff"`
	Log      LogConfig      `toml:"log"`
}

// DatabaseConfig says where the three planes keep their rows.
type DatabaseConfig struct {
	// Engine is "sqlite" (one file per plane in Data) or "postgres".
	Engine string `toml:"engine"`
	// Mail, Staff and Response are postgres:// addresses, each with the role of
	// its own plane. A role that can read another plane's schema undoes the
	// fourth lock: `postern serve` refuses to start with one.
	Mail     string `toml:"mail"`
	Staff    string `toml:"staff"`
	Response string `toml:"response"`
	// Connections bounds the pool of each plane. The staff plane has two
	// more, for ending access.
	Connections int `toml:"connections"`
}

// ListenConfig holds the addresses of the listeners; "" leaves one out. All
// default to loopback: opening one to the world is a decision.
type ListenConfig struct {
	SMTP       string `toml:"smtp"`
	Submission string `toml:"submission"`
	IMAP       string `toml:"imap"`
	Mail       string `toml:"mail"`
	Desk       string `toml:"desk"`
	Response   string `toml:"response"`
	// View serves message HTML in a sandbox of its own; it must not share a
	// host name with a face.
	View string `toml:"view"`
	// Ledger serves checkpoints and tiles to anybody; they tell nothing about
	// who has an account or who was looked at.
	Ledger string `toml:"ledger"`
}

// OriginsConfig holds the addresses browsers use, when a proxy stands before
// the listeners: "https://desk.example.org". Passkeys are bound to them, so
// changing one makes every passkey of that face useless.
type OriginsConfig struct {
	Mail     string `toml:"mail"`
	Desk     string `toml:"desk"`
	Response string `toml:"response"`
	View     string `toml:"view"`
	Ledger   string `toml:"ledger"`
}

// TLSConfig names the certificate for SMTP (STARTTLS) and IMAP. Without one
// they take passwords on loopback only.
type TLSConfig struct {
	Certificate string `toml:"certificate"`
	Key         string `toml:"key"`
}

// DetectConfig is what detection watches for (docs/detection.md). Whoever may
// change it decides what goes unseen.
type DetectConfig struct {
	// Rules is a folder of your own Sigma rules, *.yml, beside the pack.
	Rules string `toml:"rules"`
	// Off names rules that do not fire.
	Off []string `toml:"off"`
	// KeepIn names rules that end nothing by themselves, whatever they say.
	KeepIn []string `toml:"keep_in"`
	// Honey are addresses of accounts that nobody has a reason to ask for.
	Honey []string `toml:"honey"`
	// VIP are addresses of people whom strangers look for.
	VIP []string `toml:"vip"`
	// Entries bounds the memory of the rules' windows, in acts. Default
	// 1,000,000, about 100 MB.
	Entries int `toml:"entries"`
	// Quiet is how long a rule says nothing about somebody after a responder
	// dismissed its alert. Default 24 h.
	Quiet Duration `toml:"quiet"`
	// Zone is where the desk's shifts are: "Europe/Paris". Default UTC.
	Zone string `toml:"zone"`
}

// MailConfig is about messages.
type MailConfig struct {
	// MaxSize bounds one message, in bytes. Default 50 MiB.
	MaxSize int64 `toml:"max_size"`
	// Quota is a new account's, in bytes. Default 5 GiB.
	Quota int64 `toml:"quota"`
	// Outbound is "direct" (MX), "hold" (nothing leaves), or
	// "smarthost:host:port".
	Outbound string `toml:"outbound"`
	// Check switches SPF, DKIM and DMARC at the door; default true. It asks the
	// resolver of this machine.
	Check *bool `toml:"check"`
	// EraseAfter is how long an account that is to be erased can still be taken
	// back by its owner. Default "720h", 30 days.
	EraseAfter Duration `toml:"erase_after"`
}

// GateConfig is about staff access.
type GateConfig struct {
	// Policy is "default", "strict", the file of a policy (docs/policy.md), or
	// "standing": every agent may open everything and nobody is asked, as it was
	// in 2019, for drills. Whoever can change this decides who must agree to an
	// access.
	Policy string `toml:"policy"`

	Foreign ForeignConfig `toml:"foreign"`
}

// ForeignConfig puts the gate before a mail server that is not ours, over IMAP
// with a master user (docs/dovecot.md). Accounts stay in Postern's directory,
// under the addresses that the server knows.
type ForeignConfig struct {
	// Server is "imap.example.org:993" or "unix:/run/dovecot/imap"; "" has the
	// gate look into Postern's own mailboxes.
	Server string `toml:"server"`
	// TLS is "implicit", "starttls", or "none", which is for this machine alone:
	// the master password opens every mailbox of that server.
	TLS string `toml:"tls"`
	// CA is a file with the certificates that may sign the server's, in PEM; ""
	// trusts those of this machine.
	CA string `toml:"ca"`
	// Master is the master user's name.
	Master string `toml:"master"`
	// PasswordFile holds the master user's password on its first line, readable
	// by its owner alone.
	PasswordFile string `toml:"password_file"`
	// Login is "separator", which signs in as "user*master" (Dovecot), or
	// "authzid", which is SASL PLAIN (Cyrus, and Dovecot).
	Login string `toml:"login"`
	// Separator stands between user and master, as in Dovecot's
	// auth_master_user_separator.
	Separator string `toml:"separator"`
	// LocalPart says that the server calls its users by what stands before the @:
	// with one domain alone.
	LocalPart bool `toml:"local_part"`
	// Connections bounds how many there are at once.
	Connections int `toml:"connections"`
	// Timeout bounds one search or reveal.
	Timeout Duration `toml:"timeout"`
}

// LedgerConfig is about the verifiable log.
type LedgerConfig struct {
	// Origin is the log's name in checkpoints, for good: default Hostname +
	// "/ledger". Another origin is another log.
	Origin string `toml:"origin"`
	// Publish is the longest time between public checkpoints; "0s" publishes each
	// as it comes, and tells the world when something was looked at. Default "60s".
	Publish Duration `toml:"publish"`
	// Witnesses is a file that names the witnesses who must cosign the log, with
	// their addresses, quorum and map line (docs/ledger-format.md, "whom to
	// believe"; docs/witnesses.md). Without a quorum for half an hour nothing more
	// is shown to staff. "" asks for none: then no time in the log is more than
	// this machine's word.
	Witnesses string `toml:"witnesses"`
	// Heartbeat is after how long witnesses cosign again when nothing happens.
	// Default "10m".
	Heartbeat Duration `toml:"heartbeat"`
	// KeepRecords is after how long the records of what staff saw are destroyed;
	// that something was seen stays provable. "0s", the default, keeps them.
	KeepRecords Duration `toml:"keep_records"`
}

// KeysConfig says where the ledger's keys are kept: as they come, in files in
// Data/keys that their owner alone may read (docs/keys.md).
type KeysConfig struct {
	// Identity is a file with the passphrase, or the age identity, that opens
	// Data/keys/keys.age, which `postern keys encrypt` makes; its owner alone may
	// read it. Whoever has both has the ledger's keys.
	Identity string `toml:"identity"`
	// Open is a program and its arguments that prints the keys: one that asks a
	// key management service to decrypt them. It is run without a shell, at the
	// start, as the user that Postern runs as.
	Open []string `toml:"open"`
	// Sign is a program and its arguments that signs with the log's key what it
	// reads: a PKCS#11 module's, for example. It is run for each checkpoint.
	Sign []string `toml:"sign"`
}

// StaffConfig is about how staff sign in.
type StaffConfig struct {
	// OIDC are companies' own sign-ins, each a [[staff.oidc]] with id, name (on
	// the button), organisation, issuer, client_id, secret_file, domains (whose
	// verified addresses count), login_claim (the claim that is the login) and
	// join (take on, without a role, whom nobody announced; default false). A
	// provider is believed about the people of its organisation: whoever runs it
	// can sign in as any of them.
	OIDC []OIDCConfig `toml:"oidc"`
}

// OIDCConfig is one company's sign-in; see docs/staff-identity.md.
type OIDCConfig struct {
	ID           string   `toml:"id"`
	Name         string   `toml:"name"`
	Organisation string   `toml:"organisation"`
	Issuer       string   `toml:"issuer"`
	ClientID     string   `toml:"client_id"`
	SecretFile   string   `toml:"secret_file"`
	Domains      []string `toml:"domains"`
	LoginClaim   string   `toml:"login_claim"`
	Join         bool     `toml:"join"`
}

// LogConfig is about the program's own log, on standard error. It holds no
// addresses and no subjects at any level.
type LogConfig struct {
	// Level is "debug", "info", "warn" or "error". Default "info".
	Level string `toml:"level"`
	// JSON writes lines for machines.
	JSON bool `toml:"json"`
}

// Duration reads "90s" or "10m".
type Duration struct{ time.Duration }

// UnmarshalText reads a duration; it must not be negative.
func (d *Duration) UnmarshalText(b []byte) (err error) {
	d.Duration, err = time.ParseDuration(string(b))
	if err == nil && d.Duration < 0 {
		err = errors.New("a duration can't be negative")
	}
	return err
}

// MarshalText writes the duration as it is read.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// DefaultConfig is what an empty file means.
func DefaultConfig() Config {
	check := true
	return Config{
		Data:     "postern-data",
		Provider: "Postern",
		Database: DatabaseConfig{Engine: "sqlite", Connections: 24},
		Listen: ListenConfig{
			SMTP: "127.0.0.1:2525", Submission: "127.0.0.1:2587", IMAP: "127.0.0.1:2143",
			Mail: "127.0.0.1:8025", Desk: "127.0.0.1:8026", Response: "127.0.0.1:8027", View: "127.0.0.1:8028", Ledger: "127.0.0.1:8029",
		},
		Mail:   MailConfig{EraseAfter: Duration{30 * 24 * time.Hour}, MaxSize: 50 << 20, Quota: 5 << 30, Outbound: "direct", Check: &check},
		Gate:   GateConfig{Policy: "default", Foreign: ForeignConfig{TLS: "implicit", Login: "separator", Separator: "*", Connections: 8, Timeout: Duration{20 * time.Second}}},
		Detect: DetectConfig{Entries: 1_000_000, Quiet: Duration{24 * time.Hour}, Zone: "UTC"},
		Ledger: LedgerConfig{Publish: Duration{time.Minute}, Heartbeat: Duration{10 * time.Minute}},
		Log:    LogConfig{Level: "info"},
	}
}

// LoadConfig reads a file. Relative paths in it are relative to it.
func LoadConfig(file string) (Config, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, invalid("there is no config file %s: write one with `postern quickstart you@example.org`, or name another with --config", file)
	}
	if err != nil {
		return Config{}, fmt.Errorf("couldn't read the config: %w", err)
	}
	c, err := ParseConfig(text)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", file, err)
	}
	dir := filepath.Dir(file)
	for _, p := range []*string{&c.Data, &c.TLS.Certificate, &c.TLS.Key, &c.Gate.Foreign.CA, &c.Gate.Foreign.PasswordFile, &c.Keys.Identity, &c.Ledger.Witnesses} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	for i := range c.Staff.OIDC {
		if p := &c.Staff.OIDC[i].SecretFile; *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	if p := &c.Gate.Policy; !house(*p) && !filepath.IsAbs(*p) {
		*p = filepath.Join(dir, *p)
	}
	return c, nil
}

// ParseConfig reads the text of a config over the defaults and checks it.
func ParseConfig(text []byte) (Config, error) {
	c := DefaultConfig()
	meta, err := toml.NewDecoder(bytes.NewReader(text)).Decode(&c)
	var syntax toml.ParseError
	if errors.As(err, &syntax) {
		return c, invalid("line %d: %s", syntax.Position.Line, syntax.Message)
	}
	if err != nil {
		return c, &postern.Error{Kind: postern.Invalid, Text: "the config can't be read", Err: err}
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return c, invalid("there is no key %q: %s", unknown[0].String(), nearest(unknown[0].String()))
	}
	return c, c.check()
}

func (c *Config) check() error {
	if c.Hostname == "" {
		return invalid(`hostname is missing: write the name other mail servers know this one by, like hostname = "mx.example.org"`)
	}
	if len(c.Domains) == 0 {
		return invalid(`domains is missing: write the mail domains to host, like domains = ["example.org"]`)
	}
	for i, d := range c.Domains {
		c.Domains[i] = strings.ToLower(strings.TrimSuffix(d, "."))
		if d == "" || strings.ContainsAny(d, " @/") {
			return invalid("domains: %q is not a domain name", d)
		}
	}
	switch c.Database.Engine {
	case "sqlite":
	case "postgres":
		if c.Database.Mail == "" || c.Database.Staff == "" || c.Database.Response == "" {
			return invalid(`database: engine "postgres" needs mail, staff and response, an address with the role of each plane`)
		}
	default:
		return invalid(`database: engine is %q: write "sqlite" or "postgres"`, c.Database.Engine)
	}
	if c.Database.Connections < 4 {
		return invalid("database: connections is %d: at least 4 are needed, one of them for the leader's lock", c.Database.Connections)
	}
	for name, address := range c.Listen.all() {
		if address == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(address); err != nil {
			return invalid(`listen: %s is %q: write an address and a port, like "127.0.0.1:8025"`, name, address)
		}
	}
	for name, origin := range map[string]string{"mail": c.Origins.Mail, "desk": c.Origins.Desk, "response": c.Origins.Response, "view": c.Origins.View, "ledger": c.Origins.Ledger} {
		if u, err := url.Parse(origin); origin != "" && (err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "") {
			return invalid(`origins: %s is %q: write what browsers open, like "https://mail.example.org"`, name, origin)
		}
	}
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		return invalid("tls: certificate and key go together")
	}
	if c.Mail.EraseAfter.Duration < 0 || c.Ledger.KeepRecords.Duration < 0 {
		return invalid("mail.erase_after and ledger.keep_records are times from now on: they can't be negative")
	}
	if c.Mail.MaxSize < 1<<16 {
		return invalid("mail: max_size is %d bytes: RFC 5321, 4.5.3.1.7 wants at least 65536", c.Mail.MaxSize)
	}
	if o := c.Mail.Outbound; o != "direct" && o != "hold" && !strings.HasPrefix(o, "smarthost:") {
		return invalid(`mail: outbound is %q: write "direct", "hold" or "smarthost:host:port"`, o)
	}
	if c.Gate.Foreign.LocalPart && len(c.Domains) > 1 {
		return invalid("gate.foreign: local_part with %d domains would give two customers one mailbox", len(c.Domains))
	}
	switch c.Log.Level {
	case "debug", "info", "warn", "error":
	default:
		return invalid(`log: level is %q: write "debug", "info", "warn" or "error"`, c.Log.Level)
	}
	if err := checkOIDC(c.Staff.OIDC); err != nil {
		return err
	}
	if c.Ledger.Origin == "" {
		c.Ledger.Origin = c.Hostname + "/ledger"
	}
	return nil
}

func (l ListenConfig) all() map[string]string {
	return map[string]string{"smtp": l.SMTP, "submission": l.Submission, "imap": l.IMAP, "mail": l.Mail, "desk": l.Desk, "response": l.Response, "view": l.View, "ledger": l.Ledger}
}

// nearest suggests what a mistyped key may have meant.
func nearest(key string) string {
	if best := spelling.Nearest(key, keys()); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return "see `postern serve --help` for the keys"
}

func invalid(format string, args ...any) error {
	return &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf(format, args...)}
}
