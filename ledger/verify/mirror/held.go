package mirror

import "time"

// Held says when a quorum of the policy's witnesses last held a checkpoint to be
// the newest; ok is false where none has, or none is asked for. The times are the
// witnesses'.
func (l Log) Held(signed []byte) (at time.Time, ok bool) {
	times, err := l.Policy.Cosignatures(signed)
	if err != nil || !l.Policy.Quorum() {
		return at, false
	}
	for _, t := range times {
		then := time.Unix(int64(t), 0)
		if then.After(at) && l.Policy.Satisfied(func(name string) bool { s, there := times[name]; return there && s >= t }) {
			at, ok = then, true
		}
	}
	return at, ok
}
