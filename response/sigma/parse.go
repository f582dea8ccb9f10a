package sigma

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Document is one rule or correlation of a file, read and not yet bound to a
// schema.
type Document struct {
	rule        Rule
	line        int
	service     string
	detection   *yaml.Node
	correlation *correlationDoc
}

// Name gives the name by which correlations refer to it.
func (d Document) Name() string { return d.rule.Name }

// Correlation says whether the document is one.
func (d Document) Correlation() bool { return d.correlation != nil }

// Quiet gives a document that others may refer to and that raises nothing.
func (d Document) Quiet() Document {
	d.rule.Level = Informational
	return d
}

type correlationDoc struct {
	line       int
	kind       string
	rules      []string
	groupBy    []string
	span       int64 // milliseconds
	generate   bool
	field      string
	percentile int
	compare    string // "gt", "gte", "lt", "lte", "eq"
	limit      int64
	aliases    map[string]map[string]string // alias, rule, field
	peers      *peersDoc
}

type peersDoc struct {
	groupBy    []string
	percentile int
	times      int64
	atLeast    int64
	silent     bool // without enough observations
}

// described are keys that tell people something and the engine nothing.
var described = []string{"author", "date", "modified", "status", "license", "references", "related", "falsepositives", "fields", "scope", "taxonomy", "sigma-version"}

// file is a file under reading: every error names it.
type file struct{ name string }

func (f file) wrong(n *yaml.Node, format string, args ...any) error {
	line := 1
	if n != nil {
		line = n.Line
	}
	return &Error{f.name, line, fmt.Sprintf(format, args...)}
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// Parse reads a file of one or more documents. Errors are of type *[Error] and
// name the line.
func Parse(name string, src []byte) (docs []Document, err error) {
	f := file{name}
	if len(src) > MaxFile {
		return nil, f.wrong(nil, "the file is larger than %d bytes: split it", MaxFile)
	}
	// Anchors let a small file become a large one.
	d := yaml.NewDecoder(bytes.NewReader(src))
	for {
		var root yaml.Node
		err := d.Decode(&root)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			line := 1
			if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
				line, _ = strconv.Atoi(m[1])
			}
			return nil, &Error{name, line, "this is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
		}
		if root.Kind != yaml.DocumentNode || len(root.Content) == 0 || root.Content[0].Tag == "!!null" {
			continue
		}
		if err := f.plain(&root, 0); err != nil {
			return nil, err
		}
		if len(docs) == MaxDocuments {
			return nil, f.wrong(&root, "more than %d rules in a file: split it", MaxDocuments)
		}
		doc, err := f.document(root.Content[0])
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
}

// plain refuses what YAML has and rules do not need.
func (f file) plain(n *yaml.Node, depth int) error {
	if depth > maxDepth {
		return f.wrong(n, "nested deeper than %d", maxDepth)
	}
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return f.wrong(n, "anchors and aliases are not read: write the value out")
	}
	if n.Kind == yaml.MappingNode {
		seen := map[string]bool{}
		for i := 0; i < len(n.Content); i += 2 {
			k := n.Content[i]
			if k.Kind != yaml.ScalarNode {
				return f.wrong(k, "a key has to be a word")
			}
			if seen[k.Value] {
				return f.wrong(k, "%q stands here twice", k.Value)
			}
			seen[k.Value] = true
		}
	}
	for _, c := range n.Content {
		if err := f.plain(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (f file) document(n *yaml.Node) (d Document, err error) {
	if n.Kind != yaml.MappingNode {
		return d, f.wrong(n, "a rule is a map of keys, such as title and detection")
	}
	d.line = n.Line
	d.rule.File, d.rule.Line, d.rule.Level = f.name, n.Line, Medium
	text, err := yaml.Marshal(n)
	if err != nil {
		return d, f.wrong(n, "couldn't be written again: %v", err)
	}
	sum := sha256.Sum256(text)
	d.rule.Version = hex.EncodeToString(sum[:])
	var correlation, custom, logsource *yaml.Node
	for i := 0; i < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch k.Value {
		case "title":
			d.rule.Title, err = f.word(v)
		case "name":
			d.rule.Name, err = f.word(v)
		case "id":
			d.rule.ID, err = f.word(v)
		case "description":
			d.rule.Description, err = f.word(v)
		case "tags":
			d.rule.Tags, err = f.words(v)
		case "level":
			var ok bool
			if d.rule.Level, ok = levels[v.Value]; !ok {
				err = f.wrong(v, "there is no level %q: informational, low, medium, high or critical", v.Value)
			}
		case "logsource":
			logsource = v
		case "detection":
			d.detection = v
		case "correlation":
			correlation = v
		case "postern":
			custom = v
		default:
			if !slices.Contains(described, k.Value) {
				err = f.wrong(k, "the key %q is not known here: it would be passed over", k.Value)
			}
		}
		if err != nil {
			return d, err
		}
	}
	switch {
	case d.rule.Title == "":
		return d, f.wrong(n, "a rule needs a title")
	case d.detection == nil && correlation == nil:
		return d, f.wrong(n, "a rule needs a detection or a correlation")
	case d.detection != nil && correlation != nil:
		return d, f.wrong(correlation, "a rule has a detection or a correlation, not both: make two documents")
	case correlation != nil && logsource != nil:
		return d, f.wrong(logsource, "a correlation has no logsource: its rules have")
	}
	if logsource != nil {
		if d.service, err = f.logsource(logsource); err != nil {
			return d, err
		}
	}
	if correlation != nil {
		if d.correlation, err = f.correlation(correlation); err != nil {
			return d, err
		}
	}
	if d.rule.Name == "" {
		d.rule.Name = d.rule.ID
	}
	d.rule.Alert = d.rule.Name
	if custom != nil {
		err = f.custom(custom, &d)
	}
	return d, err
}

func (f file) logsource(n *yaml.Node) (service string, err error) {
	product := ""
	err = f.each(n, func(k, v *yaml.Node) error {
		switch k.Value {
		case "product":
			product = v.Value
		case "service":
			service = v.Value
		case "definition":
		default:
			return f.wrong(k, "a logsource here has product and service: %q chooses nothing", k.Value)
		}
		return nil
	})
	if err == nil && product != "postern" {
		err = f.wrong(n, "these events are of product postern: %q has none here", product)
	}
	return service, err
}

func (f file) correlation(n *yaml.Node) (*correlationDoc, error) {
	c := &correlationDoc{line: n.Line, aliases: map[string]map[string]string{}}
	var condition *yaml.Node
	err := f.each(n, func(k, v *yaml.Node) (err error) {
		switch k.Value {
		case "type":
			c.kind = v.Value
			if !slices.Contains([]string{"event_count", "value_count", "value_sum", "value_percentile", "temporal", "temporal_ordered"}, c.kind) {
				return f.wrong(v, "correlations of type %q are not evaluated: event_count, value_count, value_sum, value_percentile, temporal and temporal_ordered are", c.kind)
			}
		case "rules":
			c.rules, err = f.words(v)
		case "group-by":
			c.groupBy, err = f.words(v)
		case "timespan":
			c.span, err = f.span(v)
		case "generate":
			c.generate, err = f.truth(v)
		case "condition":
			condition = v
		case "aliases":
			err = f.each(v, func(alias, of *yaml.Node) error {
				c.aliases[alias.Value] = map[string]string{}
				return f.each(of, func(rule, field *yaml.Node) error {
					c.aliases[alias.Value][rule.Value] = field.Value
					return nil
				})
			})
		default:
			err = f.wrong(k, "a correlation here has type, rules, group-by, timespan, condition, aliases and generate: %q is not evaluated", k.Value)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case c.kind == "":
		return nil, f.wrong(n, "a correlation needs a type")
	case len(c.rules) == 0:
		return nil, f.wrong(n, "a correlation needs rules")
	case len(c.groupBy) == 0:
		return nil, f.wrong(n, "a correlation needs group-by here: an alert is about somebody")
	case c.span == 0:
		return nil, f.wrong(n, "a correlation needs a timespan, such as 1h")
	}
	temporal := c.kind == "temporal" || c.kind == "temporal_ordered"
	switch {
	case temporal && condition != nil:
		return nil, f.wrong(condition, "a %s correlation has no condition: it fires when each of its rules has", c.kind)
	case temporal && len(c.rules) < 2:
		return nil, f.wrong(n, "a %s correlation needs two rules or more", c.kind)
	case !temporal && condition == nil:
		return nil, f.wrong(n, "a %s correlation needs a condition, such as gte: 10", c.kind)
	}
	if condition != nil {
		err = f.condition(condition, c)
	}
	return c, err
}

func (f file) condition(n *yaml.Node, c *correlationDoc) error {
	if n.Kind == yaml.ScalarNode {
		return f.wrong(n, "a condition is written as a map, such as gte: 10")
	}
	err := f.each(n, func(k, v *yaml.Node) (err error) {
		switch k.Value {
		case "gt", "gte", "lt", "lte", "eq":
			if c.compare != "" {
				return f.wrong(k, "one comparison is evaluated, not two")
			}
			c.compare = k.Value
			c.limit, err = f.number(v, 0, 1<<50)
		case "field":
			c.field, err = f.word(v)
		case "percentile":
			var p int64
			p, err = f.number(v, 1, 99)
			c.percentile = int(p)
		default:
			err = f.wrong(k, "a condition here has gt, gte, lt, lte, eq, field and percentile: %q is not evaluated", k.Value)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case c.compare == "":
		return f.wrong(n, "a condition needs a comparison, such as gte: 10")
	case c.compare == "lt" || c.compare == "lte" || c.compare == "eq" && c.limit == 0:
		return f.wrong(n, "%q is true of a stream in which nothing happens, and is not evaluated: use gt or gte", c.compare)
	case c.kind == "event_count" && c.field != "":
		return f.wrong(n, "event_count counts events and has no field: use value_count")
	case c.kind != "event_count" && c.field == "":
		return f.wrong(n, "a %s correlation needs a field in its condition", c.kind)
	case c.kind == "value_percentile" && c.percentile == 0:
		return f.wrong(n, "a value_percentile correlation needs a percentile from 1 to 99")
	case c.kind != "value_percentile" && c.percentile != 0:
		return f.wrong(n, "a percentile belongs to value_percentile")
	}
	return nil
}

// custom reads what Sigma leaves to others: a key of our own.
func (f file) custom(n *yaml.Node, d *Document) error {
	return f.each(n, func(k, v *yaml.Node) (err error) {
		switch k.Value {
		case "alert":
			d.rule.Alert, err = f.word(v)
		case "subject":
			d.rule.Subject, err = f.word(v)
		case "contain":
			d.rule.Contain, err = f.word(v)
		case "peers":
			if d.correlation == nil {
				return f.wrong(k, "peers belong to a correlation")
			}
			d.correlation.peers, err = f.peers(v, d.correlation)
		default:
			err = f.wrong(k, "postern has alert, subject, contain and peers: not %q", k.Value)
		}
		return err
	})
}

func (f file) peers(n *yaml.Node, c *correlationDoc) (*peersDoc, error) {
	p := &peersDoc{percentile: 99, times: 1, atLeast: 200}
	err := f.each(n, func(k, v *yaml.Node) (err error) {
		var number int64
		switch k.Value {
		case "group-by":
			p.groupBy, err = f.words(v)
		case "percentile":
			number, err = f.number(v, 1, 99)
			p.percentile = int(number)
		case "times":
			p.times, err = f.number(v, 1, 1000)
		case "at-least":
			p.atLeast, err = f.number(v, 1, 1<<30)
		case "otherwise":
			if v.Value != "alone" && v.Value != "silent" {
				return f.wrong(v, "otherwise is alone (the condition decides alone) or silent")
			}
			p.silent = v.Value == "silent"
		default:
			err = f.wrong(k, "peers have group-by, percentile, times, at-least and otherwise: not %q", k.Value)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case len(p.groupBy) == 0:
		return nil, f.wrong(n, "peers need group-by: who is a peer of whom")
	case c.kind != "event_count" && c.kind != "value_count" && c.kind != "value_sum":
		return nil, f.wrong(n, "peers are evaluated for event_count, value_count and value_sum")
	}
	return p, nil
}

// each walks a map.
func (f file) each(n *yaml.Node, do func(k, v *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return f.wrong(n, "this has to be a map of keys")
	}
	for i := 0; i < len(n.Content); i += 2 {
		if err := do(n.Content[i], n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (f file) word(n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		return "", f.wrong(n, "this has to be a text")
	}
	return strings.TrimSpace(n.Value), nil
}

func (f file) words(n *yaml.Node) (all []string, err error) {
	if n.Kind == yaml.ScalarNode {
		w, err := f.word(n)
		return []string{w}, err
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) > maxValues {
		return nil, f.wrong(n, "this has to be a list of at most %d", maxValues)
	}
	for _, c := range n.Content {
		w, err := f.word(c)
		if err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}

func (f file) truth(n *yaml.Node) (bool, error) {
	if n.Tag != "!!bool" {
		return false, f.wrong(n, "this has to be true or false")
	}
	return n.Value == "true", nil
}

func (f file) number(n *yaml.Node, least, most int64) (int64, error) {
	v, err := strconv.ParseInt(n.Value, 10, 64)
	if n.Kind != yaml.ScalarNode || err != nil || v < least || v > most {
		return 0, f.wrong(n, "this has to be a whole number from %d to %d", least, most)
	}
	return v, nil
}

// span reads "90s", "5m", "1h", "7d".
func (f file) span(n *yaml.Node) (int64, error) {
	units := map[byte]int64{'s': 1000, 'm': 60_000, 'h': 3_600_000, 'd': 86_400_000}
	s := n.Value
	if n.Kind != yaml.ScalarNode || len(s) < 2 || units[s[len(s)-1]] == 0 {
		return 0, f.wrong(n, "a timespan is a number and s, m, h or d: 90s, 5m, 1h, 7d")
	}
	v, err := strconv.ParseInt(s[:len(s)-1], 10, 64)
	if err != nil || v < 1 || v > MaxSpan/units[s[len(s)-1]] {
		return 0, f.wrong(n, "a timespan is at least a second and at most 90 days")
	}
	return v * units[s[len(s)-1]], nil
}
