package watch_test

import (
	"testing"
	"time"

	"github.com/postern-mail/postern/gate/watch"
)

func over(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestEndings(t *testing.T) {
	h, at := watch.New(), time.Unix(100, 0)
	mine, stop := h.Watch(watch.Session("s"))
	gone, stopGone := h.Watch(watch.Session("s"))
	other, stopOther := h.Watch(watch.Grant("s"))
	stopGone()
	h.End(watch.Session("s"), at)
	h.End(watch.Session("s"), at.Add(time.Hour)) // twice is once
	late, _ := h.Watch(watch.Session("s"))
	if !over(mine) || !over(late) || over(gone) || over(other) {
		t.Errorf("mine %v, late %v, stopped %v, other topic %v", over(mine), over(late), over(gone), over(other))
	}
	stop() // after the ending, and without harm
	stopOther()
	h.Forget(at)
	if n := h.Remembered(); n != 1 {
		t.Errorf("%d endings are kept, and one is not yet too old", n)
	}
	h.Forget(at.Add(time.Second))
	if again, _ := h.Watch(watch.Session("s")); over(again) || h.Remembered() != 0 {
		t.Error("an ending is remembered past its time")
	}
}
