package sigma

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// test says something of one event. Tests share nothing and change nothing.
type test interface{ of(e *Event) bool }

type (
	all   []test
	some  []test
	never struct{ test }
)

func (t all) of(e *Event) bool {
	for _, one := range t {
		if !one.of(e) {
			return false
		}
	}
	return true
}

func (t some) of(e *Event) bool {
	for _, one := range t {
		if one.of(e) {
			return true
		}
	}
	return false
}

func (t never) of(e *Event) bool { return !t.test.of(e) }

// equal is what most conditions are: a text, without regard to case.
type equal struct {
	field int
	want  string
}

func (t equal) of(e *Event) bool {
	v := e.Values[t.field].S
	return len(v) == len(t.want) && strings.EqualFold(v, t.want)
}

type equalCased struct {
	field int
	want  string
}

func (t equalCased) of(e *Event) bool { return e.Values[t.field].S == t.want }

type number struct {
	field int
	op    string
	want  int64
}

func (t number) of(e *Event) bool {
	v := e.Values[t.field].N
	switch t.op {
	case "lt":
		return v < t.want
	case "lte":
		return v <= t.want
	case "gt":
		return v > t.want
	case "gte":
		return v >= t.want
	}
	return v == t.want
}

type present struct{ field int }

func (t present) of(e *Event) bool { return e.Values[t.field].S != "" }

type pattern struct {
	field int
	re    *regexp.Regexp
}

func (t pattern) of(e *Event) bool { return t.re.MatchString(e.Values[t.field].S) }

type within struct {
	field  int
	prefix netip.Prefix
}

func (t within) of(e *Event) bool {
	s := e.Values[t.field].S
	if p, err := netip.ParsePrefix(s); err == nil {
		return t.prefix.Bits() <= p.Bits() && t.prefix.Contains(p.Addr())
	}
	a, err := netip.ParseAddr(s)
	return err == nil && t.prefix.Contains(a.Unmap())
}

type same struct{ field, other int }

func (t same) of(e *Event) bool {
	v := e.Values[t.field].S
	return v != "" && strings.EqualFold(v, e.Values[t.other].S)
}

// binder turns the parts of a detection into tests.
type binder struct {
	file
	schema Schema
}

// selection reads a map (all of its fields), or a list of maps (any of them).
func (b binder) selection(n *yaml.Node) (test, error) {
	switch n.Kind {
	case yaml.MappingNode:
		var fields all
		err := b.each(n, func(k, v *yaml.Node) error {
			t, err := b.field(k, v)
			fields = append(fields, t)
			return err
		})
		if err == nil && len(fields) == 0 {
			err = b.wrong(n, "an empty selection matches everything: leave it out")
		}
		return fields, err
	case yaml.SequenceNode:
		var maps some
		if len(n.Content) == 0 || len(n.Content) > maxValues {
			return nil, b.wrong(n, "a selection is a list of 1 to %d maps", maxValues)
		}
		for _, c := range n.Content {
			if c.Kind != yaml.MappingNode {
				return nil, b.wrong(c, "words without a field are not evaluated: name the field")
			}
			t, err := b.selection(c)
			if err != nil {
				return nil, err
			}
			maps = append(maps, t)
		}
		return maps, nil
	}
	return nil, b.wrong(n, "a selection is a map of fields, or a list of such maps")
}

// field reads "name|modifier: value or list".
func (b binder) field(k, v *yaml.Node) (test, error) {
	parts := strings.Split(k.Value, "|")
	i := b.schema.index(parts[0])
	if i < 0 {
		return nil, b.wrong(k, "there is no field %q: docs/detection.md lists them", parts[0])
	}
	m := modifiers{}
	for _, p := range parts[1:] {
		switch p {
		case "all":
			m.all = true
		case "cased":
			m.cased = true
		case "contains", "startswith", "endswith", "re", "cidr", "exists", "fieldref", "lt", "lte", "gt", "gte":
			if m.op != "" {
				return nil, b.wrong(k, "%s and %s together are not evaluated", m.op, p)
			}
			m.op = p
		default:
			return nil, b.wrong(k, "the modifier %q is not evaluated: all, cased, contains, startswith, endswith, re, cidr, exists, fieldref, lt, lte, gt and gte are", p)
		}
	}
	values := []*yaml.Node{v}
	if v.Kind == yaml.SequenceNode {
		values = v.Content
	}
	if len(values) == 0 || len(values) > maxValues {
		return nil, b.wrong(v, "write 1 to %d values", maxValues)
	}
	var tests []test
	for _, one := range values {
		if one.Kind != yaml.ScalarNode {
			return nil, b.wrong(one, "a value is a text, a number or true and false")
		}
		t, err := b.value(i, m, one)
		if err != nil {
			return nil, err
		}
		tests = append(tests, t)
	}
	switch {
	case len(tests) == 1:
		return tests[0], nil
	case m.all:
		return all(tests), nil
	}
	return some(tests), nil
}

type modifiers struct {
	op         string
	all, cased bool
}

func (b binder) value(i int, m modifiers, n *yaml.Node) (test, error) {
	kind := b.schema.Fields[i].Kind
	if m.cased && (kind != Text || !slices.Contains([]string{"", "contains", "startswith", "endswith"}, m.op)) {
		return nil, b.wrong(n, "cased belongs to a comparison of texts")
	}
	switch m.op {
	case "exists":
		want, err := b.truth(n)
		switch {
		case err != nil:
			return nil, err
		case kind != Text:
			return nil, b.wrong(n, "%s always has a value", b.schema.Fields[i].Name)
		case want:
			return present{i}, nil
		}
		return never{present{i}}, nil
	case "lt", "lte", "gt", "gte":
		if kind != Number {
			return nil, b.wrong(n, "%s is not a number", b.schema.Fields[i].Name)
		}
		v, err := b.number(n, -1<<50, 1<<50)
		return number{i, m.op, v}, err
	}
	switch kind {
	case Truth:
		want, err := b.truth(n)
		if err == nil && m.op != "" {
			err = b.wrong(n, "%s is true or false: %s is not evaluated on it", b.schema.Fields[i].Name, m.op)
		}
		if want {
			return number{i, "eq", 1}, err
		}
		return number{i, "eq", 0}, err
	case Number:
		if m.op != "" {
			return nil, b.wrong(n, "%s is a number: %s is not evaluated on it", b.schema.Fields[i].Name, m.op)
		}
		v, err := b.number(n, -1<<50, 1<<50)
		return number{i, "eq", v}, err
	}
	return b.text(i, m, n)
}

func (b binder) text(i int, m modifiers, n *yaml.Node) (test, error) {
	if n.Tag == "!!null" || n.Value == "" && m.op == "" {
		return never{present{i}}, nil
	}
	if len(n.Value) > maxPattern {
		return nil, b.wrong(n, "a value has at most %d letters", maxPattern)
	}
	switch m.op {
	case "re":
		re, err := regexp.Compile(n.Value)
		if err != nil {
			return nil, b.wrong(n, "this regular expression is not one of RE2's: %v", err)
		}
		return pattern{i, re}, nil
	case "cidr":
		p, err := netip.ParsePrefix(n.Value)
		if err != nil {
			return nil, b.wrong(n, "write a network as 203.0.113.0/24")
		}
		return within{i, p.Masked()}, nil
	case "fieldref":
		other := b.schema.index(n.Value)
		if other < 0 || b.schema.Fields[other].Kind != Text {
			return nil, b.wrong(n, "there is no field %q that holds a text", n.Value)
		}
		return same{i, other}, nil
	}
	exact, wild := glob(n.Value)
	if m.op == "" && !wild {
		if m.cased {
			return equalCased{i, exact}, nil
		}
		return equal{i, exact}, nil
	}
	head, tail := `^`, `$`
	if m.op == "contains" || m.op == "endswith" {
		head = ``
	}
	if m.op == "contains" || m.op == "startswith" {
		tail = ``
	}
	flags := `(?is)`
	if m.cased {
		flags = `(?s)`
	}
	re, err := regexp.Compile(flags + head + globPattern(n.Value) + tail)
	if err != nil {
		return nil, b.wrong(n, "this value can't be compared: %v", err)
	}
	return pattern{i, re}, nil
}

// glob takes the backslashes away that keep * and ? from being wild, and says
// whether any is (Sigma 2.1.0, "Escaping").
func glob(s string) (exact string, wild bool) {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`*?\`, s[i+1]) >= 0:
			i++
			out.WriteByte(s[i])
		case s[i] == '*' || s[i] == '?':
			wild = true
			out.WriteByte(s[i])
		default:
			out.WriteByte(s[i])
		}
	}
	return out.String(), wild
}

func globPattern(s string) string {
	var out, literal strings.Builder
	flush := func() {
		out.WriteString(regexp.QuoteMeta(literal.String()))
		literal.Reset()
	}
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`*?\`, s[i+1]) >= 0:
			i++
			literal.WriteByte(s[i])
		case s[i] == '*':
			flush()
			out.WriteString(`.*`)
		case s[i] == '?':
			flush()
			out.WriteString(`.`)
		default:
			literal.WriteByte(s[i])
		}
	}
	flush()
	return out.String()
}

// detection reads the selections and what joins them.
func (b binder) detection(n *yaml.Node) (test, error) {
	selections := map[string]test{}
	var names []string
	var condition *yaml.Node
	err := b.each(n, func(k, v *yaml.Node) error {
		switch {
		case k.Value == "condition":
			condition = v
			return nil
		case k.Value == "timeframe":
			return b.wrong(k, "timeframe is of an older Sigma: write a correlation with a timespan")
		}
		t, err := b.selection(v)
		selections[k.Value] = t
		names = append(names, k.Value)
		return err
	})
	if err != nil {
		return nil, err
	}
	if condition == nil || condition.Kind != yaml.ScalarNode {
		return nil, b.wrong(n, "a detection needs one condition, such as: selection")
	}
	e := &expression{b: b, at: condition, words: tokens(condition.Value), selections: selections, names: names}
	t, err := e.or(0)
	if err == nil && e.i < len(e.words) {
		err = b.wrong(condition, "%q is not understood here", e.words[e.i])
	}
	return t, err
}

// expression reads a condition: or binds weaker than and, and than not.
type expression struct {
	b          binder
	at         *yaml.Node
	words      []string
	i          int
	selections map[string]test
	names      []string
}

func tokens(s string) []string {
	s = strings.NewReplacer("(", " ( ", ")", " ) ", "|", " | ").Replace(s)
	return strings.Fields(s)
}

func (e *expression) next(word string) bool {
	if e.i < len(e.words) && strings.EqualFold(e.words[e.i], word) {
		e.i++
		return true
	}
	return false
}

func (e *expression) or(depth int) (test, error) {
	var parts some
	for {
		t, err := e.and(depth)
		if err != nil {
			return nil, err
		}
		parts = append(parts, t)
		if !e.next("or") {
			if len(parts) == 1 {
				return t, nil
			}
			return parts, nil
		}
	}
}

func (e *expression) and(depth int) (test, error) {
	var parts all
	for {
		t, err := e.one(depth)
		if err != nil {
			return nil, err
		}
		parts = append(parts, t)
		if !e.next("and") {
			if len(parts) == 1 {
				return t, nil
			}
			return parts, nil
		}
	}
}

func (e *expression) one(depth int) (test, error) {
	if depth > maxDepth {
		return nil, e.b.wrong(e.at, "the condition is nested deeper than %d", maxDepth)
	}
	switch {
	case e.next("not"):
		t, err := e.one(depth + 1)
		return never{t}, err
	case e.next("("):
		t, err := e.or(depth + 1)
		if err == nil && !e.next(")") {
			err = e.b.wrong(e.at, "a parenthesis is not closed")
		}
		return t, err
	case e.i >= len(e.words):
		return nil, e.b.wrong(e.at, "the condition ends where a selection is expected")
	}
	word := e.words[e.i]
	e.i++
	if n, err := strconv.Atoi(word); (err == nil && n == 1 || strings.EqualFold(word, "all") || strings.EqualFold(word, "any")) && e.next("of") {
		return e.of(strings.EqualFold(word, "all"))
	}
	if word == "|" {
		return nil, e.b.wrong(e.at, "aggregations behind a | are of an older Sigma: write a correlation")
	}
	t, ok := e.selections[word]
	if !ok {
		return nil, e.b.wrong(e.at, "there is no selection %q", word)
	}
	return t, nil
}

// of reads what follows "1 of" and "all of": them, or a name with * at its end.
func (e *expression) of(every bool) (test, error) {
	if e.i >= len(e.words) {
		return nil, e.b.wrong(e.at, "of what? Write them, or a name such as sel*")
	}
	want := e.words[e.i]
	e.i++
	var chosen []test
	prefix, star := strings.CutSuffix(want, "*")
	for _, name := range e.names {
		if strings.EqualFold(want, "them") && !strings.HasPrefix(name, "_") || star && strings.HasPrefix(name, prefix) || name == want {
			chosen = append(chosen, e.selections[name])
		}
	}
	if len(chosen) == 0 {
		return nil, e.b.wrong(e.at, "no selection is named %q", want)
	}
	if every {
		return all(chosen), nil
	}
	return some(chosen), nil
}
