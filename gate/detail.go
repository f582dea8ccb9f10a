package gate

import (
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
)

// detail builds the text that a control record of the gate keeps: one "name
// value" per line, in the order they are added, for people and for the
// response centre. Values are on one line; what somebody wrote comes last.
type detail struct{ b []byte }

func (d detail) add(name, value string) detail {
	if value == "" {
		return d
	}
	value = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, value)
	d.b = append(d.b, name...)
	d.b = append(d.b, ' ')
	d.b = append(d.b, value...)
	d.b = append(d.b, '\n')
	return d
}

func (d detail) tier(t postern.Tier) detail {
	if t == postern.TierNone {
		return d
	}
	return d.add("tier", t.String())
}

func (d detail) count(name string, n int) detail {
	if n == 0 {
		return d
	}
	return d.add(name, strconv.Itoa(n))
}

func (d detail) until(t time.Time) detail { return d.add("until", t.UTC().Format(time.RFC3339)) }

func (d detail) messages(ids []postern.MessageID) detail {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = string(id)
	}
	return d.add("messages", strings.Join(words, " "))
}

func (d detail) text() string { return string(d.b) }
