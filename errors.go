package postern

import "errors"

// Kind says what a caller can do about an error. Most errors have none.
type Kind uint8

// The kinds, each with what a page does about it.
const (
	KindOther   Kind = iota // 500: nobody's choice
	NotFound                // 404: there is no such thing, or none that you may know of
	Denied                  // 403: you may not, and asking again changes nothing
	Withheld                // 403 with a way on: the gate wants a grant, a consent or a case first
	Conflict                // 409: somebody was first, or the thing has changed
	Invalid                 // 422: the input is wrong, and the text says what to write instead
	Unavailable             // 503: not now: disk full, database away, ledger behind
)

// Error is an error that a caller may have to choose by. Key, where it is set,
// is the translated sentence a page shows ("gate.refused.grant-ended"); Text is
// the English clause for logs and the command line.
type Error struct {
	Kind Kind
	Key  string
	Text string
	Err  error
}

// Error joins the clause and its cause.
func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Text
	case e.Text == "":
		return e.Err.Error()
	}
	return e.Text + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf gives the kind of the first [Error] in err's chain, else KindOther.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindOther
}

// KeyOf gives the first page key in err's chain, else "".
func KeyOf(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Key != "" {
			return e.Key
		}
		err = e.Err
	}
	return ""
}
