package verify

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// The signature types of c2sp.org/signed-note that a log key may have.
const (
	algEd25519 = 0x01
	algMLDSA44 = 0x06
)

// mldsa44KeySize is the size of an ML-DSA-44 public key (FIPS 204, table 2).
const mldsa44KeySize = 1312

// Key is a log's verifier key, written "name+id+base64" (c2sp.org/signed-note, Verifier keys). Its name is
// the origin of the log.
type Key struct {
	name     string
	id       uint32
	text     string
	verifier note.Verifier // nil where this version cannot check the algorithm
}

// Name returns the key's name, which is the origin of the log it signs for.
func (k Key) Name() string { return k.name }

// String returns the key as it was written.
func (k Key) String() string { return k.text }

// Supported says whether this version can check signatures by the key. ML-DSA-44 keys can be named in a
// policy but not yet checked.
func (k Key) Supported() bool { return k.verifier != nil }

// ParseKey reads a verifier key of type Ed25519 (0x01) or ML-DSA-44 (0x06).
func ParseKey(text string) (Key, error) {
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 || parts[0] == "" || strings.ContainsFunc(parts[0], badInName) {
		return Key{}, fmt.Errorf("couldn't read log key: want name+id+base64")
	}
	b, err := decode64(parts[2])
	if err != nil || len(b) < 2 {
		return Key{}, fmt.Errorf("couldn't read log key %q: the key material is not canonical base64", parts[0])
	}
	size := map[byte]int{algEd25519: 32, algMLDSA44: mldsa44KeySize}[b[0]]
	switch {
	case size == 0:
		return Key{}, fmt.Errorf("couldn't read log key %q: signature type 0x%02x is not a log's", parts[0], b[0])
	case len(b)-1 != size:
		return Key{}, fmt.Errorf("couldn't read log key %q: %d bytes of key, not %d", parts[0], len(b)-1, size)
	}
	if keyID(parts[0], b) != parts[1] {
		return Key{}, fmt.Errorf("couldn't read log key %q: the id %q is not this key's", parts[0], parts[1])
	}
	id, err := strconv.ParseUint(parts[1], 16, 32)
	if err != nil {
		return Key{}, fmt.Errorf("couldn't read log key %q: %w", parts[0], err)
	}
	k := Key{name: parts[0], id: uint32(id), text: text}
	if b[0] == algEd25519 {
		if k.verifier, err = note.NewVerifier(text); err != nil {
			return Key{}, fmt.Errorf("couldn't read log key %q: %w", parts[0], err)
		}
	}
	return k, nil
}

// keyID is the first four bytes, in hexadecimal, of SHA-256(name || 0x0A || type || public key).
func keyID(name string, typed []byte) string {
	sum := sha256.Sum256(append([]byte(name+"\n"), typed...))
	return hex.EncodeToString(sum[:4])
}

func badInName(r rune) bool { return r <= ' ' || r == '+' || r == 0x7f }

// Policy says whom an auditor believes. It must come to the auditor by a way of its own, never from the
// files it is to judge. The zero quorum asks for no witness.
type Policy struct {
	// Logs are the keys of the logs that are accepted; any one signature of a checkpoint's origin is enough.
	Logs []Key
	// URLs are where the logs can be read, as the policy's lines say; "" where they do not.
	URLs []string
	// Witnesses are those that the policy names.
	Witnesses []Witness

	groups []group
	quorum string // the name of a witness or group, "" or "none"
	replay string // the same, of those who replay the map; "" when the policy does not say
}

// Witness is one line of a policy.
type Witness struct {
	Name string // the policy's own; the key has another
	Key  WitnessKey
	URL  string // where it takes checkpoints, "" where the policy does not say
}

// group is k of its members, each the name of a witness or an earlier group.
type group struct {
	name    string
	k       int
	members []string
}

// Limits of a policy.
const (
	maxPolicy    = 64 << 10
	maxWitnesses = 64
	maxGroups    = 64
	none         = "none"
)

// ParsePolicy reads a policy in the format of c2sp.org/tlog-policy: lines "log <vkey> [<url>]", "witness
// <name> <vkey> [<url>]", "group <name> <any|all|k> <member>…" and one "quorum <name|none>"; empty lines and
// comments with "#"; and the line "map <name|none>", which is ours: these witnesses replay the map, too. A
// line that cannot be followed refuses the whole policy.
func ParsePolicy(text []byte) (Policy, error) {
	var p Policy
	if len(text) > maxPolicy {
		return p, refuse(WhyPolicy, "longer than %d bytes", maxPolicy)
	}
	for i, line := range strings.Split(string(text), "\n") {
		words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' })
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if err := p.line(words); err != nil {
			return Policy{}, refuse(WhyPolicy, "line %d: %w", i+1, err)
		}
	}
	if p.quorum == "" {
		return Policy{}, refuse(WhyPolicy, "no line \"quorum <name>\" or \"quorum none\"")
	}
	return p, nil
}

func (p *Policy) line(words []string) error {
	switch verb, rest := words[0], words[1:]; {
	case verb == "log" && (len(rest) == 1 || len(rest) == 2):
		return p.addLog(rest)
	case verb == "witness" && (len(rest) == 2 || len(rest) == 3):
		return p.addWitness(rest)
	case verb == "group" && len(rest) >= 3:
		return p.addGroup(rest)
	case verb == "quorum" && len(rest) == 1:
		return p.choose(verb, &p.quorum, rest[0])
	case verb == "map" && len(rest) == 1:
		return p.choose(verb, &p.replay, rest[0])
	}
	return fmt.Errorf("want \"log <key> [<url>]\", \"witness <name> <key> [<url>]\", \"group <name> <any|all|number> <member>…\", \"quorum <name|none>\" or \"map <name|none>\"")
}

func (p *Policy) addLog(words []string) error {
	k, err := ParseKey(words[0])
	if err != nil {
		return err
	}
	if p.hasMaterial(k.text) {
		return fmt.Errorf("the same key twice")
	}
	p.Logs = append(p.Logs, k)
	p.URLs = append(p.URLs, append(words[1:], "")[0])
	return nil
}

func (p *Policy) addWitness(words []string) error {
	k, err := ParseWitnessKey(words[1])
	switch {
	case err != nil:
		return err
	case len(p.Witnesses) == maxWitnesses:
		return fmt.Errorf("more than %d witnesses", maxWitnesses)
	case p.hasMaterial(k.text): // one witness under two names would count twice
		return fmt.Errorf("the same key twice")
	}
	if err := p.free(words[0]); err != nil {
		return err
	}
	p.Witnesses = append(p.Witnesses, Witness{Name: words[0], Key: k, URL: append(words[2:], "")[0]})
	return nil
}

func (p *Policy) addGroup(words []string) error {
	g := group{name: words[0], members: words[2:]}
	switch words[1] {
	case "any":
		g.k = 1
	case "all":
		g.k = len(g.members)
	default:
		k, err := strconv.Atoi(words[1])
		if err != nil || strconv.Itoa(k) != words[1] || k < 1 || k > len(g.members) {
			return fmt.Errorf("%q of %d members: want any, all or a number from 1 to %d", words[1], len(g.members), len(g.members))
		}
		g.k = k
	}
	if len(p.groups) == maxGroups {
		return fmt.Errorf("more than %d groups", maxGroups)
	}
	if err := p.free(g.name); err != nil {
		return err
	}
	for i, m := range g.members {
		if !p.defined(m) {
			return fmt.Errorf("%q is not a witness or group defined above", m)
		}
		if slices.Contains(g.members[:i], m) {
			return fmt.Errorf("%q stands twice in the group", m)
		}
	}
	p.groups = append(p.groups, g)
	return nil
}

func (p *Policy) choose(verb string, to *string, name string) error {
	if *to != "" {
		return fmt.Errorf("a second line %q", verb)
	}
	if name != none && !p.defined(name) {
		return fmt.Errorf("%q is not a witness or group defined above", name)
	}
	*to = name
	return nil
}

// free says whether a name may be given.
func (p *Policy) free(name string) error {
	if name == none || p.defined(name) {
		return fmt.Errorf("the name %q is taken", name)
	}
	return nil
}

func (p *Policy) defined(name string) bool {
	return slices.ContainsFunc(p.Witnesses, func(w Witness) bool { return w.Name == name }) ||
		slices.ContainsFunc(p.groups, func(g group) bool { return g.name == name })
}

func (p *Policy) hasMaterial(text string) bool {
	return slices.ContainsFunc(p.Logs, func(k Key) bool { return sameMaterial(k.text, text) }) ||
		slices.ContainsFunc(p.Witnesses, func(w Witness) bool { return sameMaterial(w.Key.text, text) })
}

// Marshal writes the policy as [ParsePolicy] reads it, without comments.
func (p Policy) Marshal() []byte {
	var b bytes.Buffer
	for i, k := range p.Logs {
		fmt.Fprintln(&b, strings.TrimSpace("log "+k.text+" "+append(p.URLs[min(i, len(p.URLs)):], "")[0]))
	}
	for _, w := range p.Witnesses {
		fmt.Fprintln(&b, strings.TrimSpace("witness "+w.Name+" "+w.Key.text+" "+w.URL))
	}
	for _, g := range p.groups {
		fmt.Fprintf(&b, "group %s %d %s\n", g.name, g.k, strings.Join(g.members, " "))
	}
	fmt.Fprintf(&b, "quorum %s\n", cmp.Or(p.quorum, none))
	if p.replay != "" {
		fmt.Fprintf(&b, "map %s\n", p.replay)
	}
	return b.Bytes()
}

// Of is the policy with other logs: whoever runs a log asks its witnesses about no other.
func (p Policy) Of(logs []Key) Policy {
	p.Logs, p.URLs = logs, nil
	return p
}

// Quorum says whether the policy asks for witnesses at all.
func (p Policy) Quorum() bool { return p.quorum != "" && p.quorum != none }

// MapAsked says whether the policy names who replays the map.
func (p Policy) MapAsked() bool { return p.replay != "" && p.replay != none }

// MapNone says whether the policy's reader replays the map themselves: "map none".
func (p Policy) MapNone() bool { return p.replay == none }

// Satisfied says whether the witnesses for which has is true make a quorum. Without one to be had it is true.
func (p Policy) Satisfied(has func(witness string) bool) bool {
	return !p.Quorum() || p.holds(p.quorum, has)
}

// MapSatisfied is as [Policy.Satisfied], for the line "map".
func (p Policy) MapSatisfied(has func(witness string) bool) bool {
	return !p.MapAsked() || p.holds(p.replay, has)
}

// holds ends, since a group names only what was defined before it.
func (p Policy) holds(name string, has func(string) bool) bool {
	i := slices.IndexFunc(p.groups, func(g group) bool { return g.name == name })
	if i < 0 {
		return has(name)
	}
	n := 0
	for _, m := range p.groups[i].members {
		if (Policy{groups: p.groups[:i]}).holds(m, has) {
			n++
		}
	}
	return n >= p.groups[i].k
}

// sameMaterial compares what stands after the name and id: one key under two names is one key.
func sameMaterial(a, b string) bool {
	return strings.SplitN(a, "+", 3)[2] == strings.SplitN(b, "+", 3)[2]
}

// decode64 reads standard base64 with padding, and only the canonical spelling.
func decode64(s string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || base64.StdEncoding.EncodeToString(b) != s {
		return nil, fmt.Errorf("%w: not canonical base64", errMalformed)
	}
	return b, nil
}
