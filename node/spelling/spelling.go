// Package spelling finds the config key that somebody meant.
//
// It keeps nothing.
//
// Trust: none. It compares words.
package spelling

import "reflect"

// distance is Levenshtein's, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Keys lists the keys of a config by its struct's tags, "listen.smtp". A struct
// of the type leaf is a value.
func Keys(t, leaf reflect.Type) (list []string) {
	var walk func(t reflect.Type, prefix string)
	walk = func(t reflect.Type, prefix string) {
		for i := range t.NumField() {
			f := t.Field(i)
			name := prefix + f.Tag.Get("toml")
			list = append(list, name)
			if f.Type.Kind() == reflect.Struct && f.Type != leaf {
				walk(f.Type, name+".")
			}
		}
	}
	walk(t, "")
	return list
}

// Nearest gives the key that a mistyped one may have meant, or "".
func Nearest(key string, keys []string) string {
	best, bestAt := "", 4
	for _, k := range keys {
		if d := distance(key, k); d < bestAt {
			best, bestAt = k, d
		}
	}
	return best
}
