package db

import (
	"fmt"
	"strconv"
	"strings"
)

// rowsAtOnce is how many rows one statement writes: of two sizes only, so that
// the driver prepares each statement once.
const rowsAtOnce = 64

// Many runs head, the rows as a list of VALUES, and tail, and fails unless every
// row had its effect.
func (tx *Tx) Many(head, tail string, rows [][]any) error {
	for len(rows) > 0 {
		n := 1
		if len(rows) >= rowsAtOnce {
			n = rowsAtOnce
		}
		var args []any
		for _, r := range rows[:n] {
			args = append(args, r...)
		}
		done, err := tx.Exec(head+values(n, rows[0])+tail, args...)
		if err != nil {
			return err
		}
		if done != int64(n) {
			return fmt.Errorf("%s… changed %d rows instead of %d", head, done, n)
		}
		rows = rows[n:]
	}
	return nil
}

func values(n int, like []any) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for j, v := range like {
			if j > 0 {
				b.WriteString(", ")
			}
			p := "?" + strconv.Itoa(i*len(like)+j+1)
			if _, number := v.(int64); number { // PostgreSQL takes a bare parameter for text
				p = "CAST(" + p + " AS BIGINT)"
			}
			b.WriteString(p)
		}
		b.WriteByte(')')
	}
	return b.String()
}
