package db

import "time"

// Times are stored as milliseconds since 1970 in UTC: both engines compare and
// index numbers alike, and no zone is lost on the way.

// Millis gives a time as it is stored.
func Millis(t time.Time) int64 { return t.UnixMilli() }

// Moment gives a stored time.
func Moment(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// Instant gives the time of a column that may be null: zero for null.
func Instant(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return Moment(*ms)
}

// Bit gives a truth as it is stored.
func Bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
