package sigma

import (
	"crypto/sha256"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

// Options bound an engine.
type Options struct {
	// MaxEntries is how many events all windows hold together, the same event once
	// for each; 0 means 1,000,000, which is about 100 MB. Past it the groups that
	// were quiet longest are dropped, and [Engine.Dropped] counts.
	MaxEntries int
	// MaxGroup is how many one group of one rule holds; 0 means 20,000. Past it
	// the oldest are dropped.
	MaxGroup int
	// Subject is the field that an alert is about where a rule does not say.
	Subject string
	// Off are names of rules that do not fire.
	Off []string
}

// Engine evaluates rules. It is not safe for concurrent use.
type Engine struct {
	schema       Schema
	o            Options
	hash         [32]byte
	rules        []*Rule
	simple       []simple
	correlations []*correlation
	newest       int64
	observed     uint64
	entries      int
	dropped      int64
	key          []byte
}

// simple is a rule of one event.
type simple struct {
	rule    *Rule
	feed    int // -1: any
	test    test
	fires   bool
	subject int
	contain int // -1: none
	links   []link
}

// link is where a simple rule feeds a correlation.
type link struct {
	to    *correlation
	step  int
	group []int // fields, in the order of groupBy
	field int   // whose value is counted, -1: none
	team  []int
}

// correlation is a rule of several events.
type correlation struct {
	rule       *Rule
	kind       string
	steps      int
	groupBy    []string
	span       int64
	compare    string
	limit      int64
	percentile int
	number     bool // the counted field is a number
	subject    int  // which of groupBy
	contain    int  // a field of the event, -1: none
	silent     bool // switched off
	peers      *peersDoc

	groups map[string]*group
	first  *group // quiet longest
	last   *group
	held   int
	teams  map[string]*histogram
}

// Compile binds rules to a schema. It refuses what cannot be evaluated with an
// [*Error]: a field that is not there, a correlation of rules that are not, two
// rules of one name.
func Compile(docs []Document, s Schema, o Options) (*Engine, error) {
	if o.MaxEntries <= 0 {
		o.MaxEntries = 1_000_000
	}
	if o.MaxGroup <= 0 {
		o.MaxGroup = 20_000
	}
	e := &Engine{schema: s, o: o}
	sum := sha256.New()
	byName := map[string]int{}
	used := map[string]bool{} // by a correlation: fires alone only when told to
	generate := map[string]bool{}
	names := map[string]Document{}
	for _, d := range docs {
		f := file{d.rule.File}
		at := &yaml.Node{Line: d.line}
		for _, n := range []string{d.rule.Name, d.rule.ID} {
			if n == "" {
				continue
			}
			if had, ok := names[n]; ok && had.line != d.line {
				return nil, f.wrong(at, "there is another rule %q, at %s:%d", n, had.rule.File, had.line)
			}
			names[n] = d
		}
		sum.Write([]byte(d.rule.Version))
		if c := d.correlation; c != nil {
			for _, r := range c.rules {
				used[r] = true
				generate[r] = generate[r] || c.generate
			}
		}
	}
	for _, off := range o.Off {
		sum.Write([]byte("off " + off + "\n"))
	}
	sum.Sum(e.hash[:0])
	for _, d := range docs {
		if d.correlation != nil {
			continue
		}
		r, err := e.simpleRule(d)
		if err != nil {
			return nil, err
		}
		isUsed := d.rule.Name != "" && used[d.rule.Name] || d.rule.ID != "" && used[d.rule.ID]
		r.fires = !isUsed || generate[d.rule.Name] || generate[d.rule.ID]
		if r.fires && r.rule.Name == "" {
			return nil, file{d.rule.File}.wrong(&yaml.Node{Line: d.line}, "a rule that fires needs a name: alerts go by it")
		}
		// Informational rules are for other rules to use (Sigma 2.1.0, "level").
		r.fires = r.fires && !slices.Contains(o.Off, d.rule.Name) && r.rule.Level != Informational
		for _, n := range []string{d.rule.Name, d.rule.ID} {
			if n != "" {
				byName[n] = len(e.simple)
			}
		}
		e.simple = append(e.simple, r)
	}
	for _, d := range docs {
		if d.correlation == nil {
			continue
		}
		if err := e.correlate(d, byName, names); err != nil {
			return nil, err
		}
	}
	for i := range e.simple {
		if e.simple[i].fires {
			e.rules = append(e.rules, e.simple[i].rule)
		}
	}
	for _, c := range e.correlations {
		if !c.silent {
			e.rules = append(e.rules, c.rule)
		}
	}
	return e, nil
}

func (e *Engine) simpleRule(d Document) (r simple, err error) {
	f := file{d.rule.File}
	at := &yaml.Node{Line: d.line}
	rule := d.rule
	r = simple{rule: &rule, feed: -1, contain: -1, subject: -1}
	if d.service != "" {
		n, ok := e.schema.Services[d.service]
		if !ok {
			return r, f.wrong(at, "there is no service %q in logsource", d.service)
		}
		r.feed = int(n)
	}
	if r.test, err = (binder{f, e.schema}).detection(d.detection); err != nil {
		return r, err
	}
	if rule.Subject == "" {
		rule.Subject = e.o.Subject
	}
	if rule.Subject != "" {
		if r.subject = e.schema.index(rule.Subject); r.subject < 0 || e.schema.Fields[r.subject].Kind != Text {
			return r, f.wrong(at, "the subject %q is no field that holds a text", rule.Subject)
		}
	}
	r.contain, err = e.containField(d)
	return r, err
}

func (e *Engine) containField(d Document) (int, error) {
	if d.rule.Contain == "" {
		return -1, nil
	}
	i := e.schema.index(d.rule.Contain)
	if i < 0 || e.schema.Fields[i].Kind != Text {
		return -1, file{d.rule.File}.wrong(&yaml.Node{Line: d.line}, "contain names %q, which is no field that holds a text", d.rule.Contain)
	}
	return i, nil
}

func (e *Engine) correlate(d Document, byName map[string]int, names map[string]Document) (err error) {
	f, doc := file{d.rule.File}, d.correlation
	at := &yaml.Node{Line: doc.line}
	rule := d.rule
	if rule.Name == "" {
		return f.wrong(at, "a correlation needs a name: alerts go by it")
	}
	c := &correlation{rule: &rule, kind: doc.kind, steps: len(doc.rules), groupBy: doc.groupBy, span: doc.span, compare: doc.compare, limit: doc.limit,
		percentile: doc.percentile, peers: doc.peers, groups: map[string]*group{}, teams: map[string]*histogram{}, silent: slices.Contains(e.o.Off, rule.Name) || rule.Level == Informational}
	if rule.Subject == "" {
		rule.Subject = doc.groupBy[0]
		if slices.Contains(doc.groupBy, e.o.Subject) {
			rule.Subject = e.o.Subject
		}
	}
	if c.subject = slices.Index(doc.groupBy, rule.Subject); c.subject < 0 {
		return f.wrong(at, "the subject %q is not in group-by", rule.Subject)
	}
	if c.contain, err = e.containField(d); err != nil {
		return err
	}
	seen := map[int]bool{}
	for step, name := range doc.rules {
		n, ok := byName[name]
		if !ok {
			if _, other := names[name]; other {
				return f.wrong(at, "%q is a correlation itself: correlations of correlations are not evaluated", name)
			}
			return f.wrong(at, "there is no rule named %q", name)
		}
		if seen[n] {
			return f.wrong(at, "the rule %q stands here twice", name)
		}
		seen[n] = true
		l := link{to: c, step: step, field: -1}
		bind := func(name2 string) (int, error) {
			field := name2
			if alias, ok := doc.aliases[name2]; ok {
				if field, ok = alias[name]; !ok {
					return -1, f.wrong(at, "the alias %q says nothing of the rule %q", name2, name)
				}
			}
			i := e.schema.index(field)
			if i < 0 {
				return -1, f.wrong(at, "there is no field %q", field)
			}
			return i, nil
		}
		for _, g := range doc.groupBy {
			i, err := bind(g)
			if err != nil {
				return err
			}
			if e.schema.Fields[i].Kind != Text {
				return f.wrong(at, "%q is not a text, and does not tell groups apart", g)
			}
			l.group = append(l.group, i)
		}
		if doc.field != "" {
			if l.field, err = bind(doc.field); err != nil {
				return err
			}
			c.number = e.schema.Fields[l.field].Kind != Text
			if doc.kind != "value_count" && e.schema.Fields[l.field].Kind != Number {
				return f.wrong(at, "%s adds up numbers, and %q is none", doc.kind, doc.field)
			}
		}
		if doc.peers != nil {
			for _, g := range doc.peers.groupBy {
				i, err := bind(g)
				if err != nil {
					return err
				}
				l.team = append(l.team, i)
			}
		}
		e.simple[n].links = append(e.simple[n].links, l)
	}
	e.correlations = append(e.correlations, c)
	return nil
}

// Rules lists those that can fire.
func (e *Engine) Rules() []*Rule { return e.rules }

// Horizon is the longest timespan: how far back a fresh engine has to read to
// know what one that ran on knows, its peers' past apart.
func (e *Engine) Horizon() time.Duration {
	var most int64
	for _, c := range e.correlations {
		most = max(most, c.span)
	}
	return time.Duration(most) * time.Millisecond
}

// Entries is how many events the windows hold.
func (e *Engine) Entries() int { return e.entries }

// Dropped is how many were given up for want of room.
func (e *Engine) Dropped() int64 { return e.dropped }
