package db

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestUrgentTurnsComeFirst(t *testing.T) {
	w := newWriter(nil, nil)
	var names []string
	join := func(name string, urgent bool) *turn {
		one := &turn{mine: make(chan struct{}, 1), timer: time.NewTimer(time.Hour), urgent: urgent}
		w.join(one)
		names = append(names, name)
		return one
	}
	all := []*turn{join("a", false), join("b", false), join("first", true), join("c", false), join("second", true)}
	var order []string
	for _, q := range w.queue {
		order = append(order, names[slices.Index(all, q)])
	}
	if want := []string{"first", "second", "a", "b", "c"}; !slices.Equal(order, want) {
		t.Errorf("the queue is %v instead of %v", order, want)
	}
}

func TestWritersStandBack(t *testing.T) {
	var p precedence
	if err := p.yield(context.Background()); err != nil {
		t.Errorf("with nothing urgent: %v", err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	p.enter()
	p.enter()
	p.leave()
	if err := p.yield(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("with one urgent left, a writer who gave up: %v", err)
	}
	over := p.over
	p.leave()
	<-over // whoever stood back goes on
	if err := p.yield(ended); err != nil {
		t.Errorf("after the last urgent one: %v", err)
	}
}
