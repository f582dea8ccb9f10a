package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// drain is how long running requests and SMTP sessions may take to end after
// SIGTERM.
const drain = 20 * time.Second

// Serve runs what Listen bound until ctx ends, then drains. Whatever fails ends
// it all: half a Postern would show what it cannot log.
func (n *Node) Serve(ctx context.Context) error {
	if n.sockets == nil {
		return errors.New("this Postern was opened without listeners")
	}
	handlers, err := n.faces(ctx)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	// The rooms' own work ends after the listeners have drained: a reveal that
	// is under way must still be sequenced.
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	background, work := errgroup.WithContext(work)
	rooms := map[string]func(context.Context) error{"gate": n.Gate.Run, "queue": n.Queue.Run, "mail": n.Mail.Run, "erasure": n.tidy}
	if !n.opts.Manual {
		rooms["ledger"], rooms["detection"] = n.Ledger.Run, n.Response.Run
		rooms["desk"], rooms["hooks"] = n.Desk.Run, n.Hooks.Run // a drill's mailboxes hold what its scenario says
	}
	for name, run := range rooms {
		background.Go(func() error {
			err := run(work)
			if err != nil && work.Err() == nil {
				return fmt.Errorf("the %s stopped: %w", name, err)
			}
			return nil
		})
	}
	g.Go(func() error { // a room that fails takes the listeners with it
		select {
		case <-work.Done():
			return context.Cause(work)
		case <-ctx.Done():
			return nil
		}
	})
	web := func(l net.Listener, h http.Handler) {
		if l == nil {
			return
		}
		s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
		g.Go(func() error { return serveHTTP(ctx, s, l) })
	}
	web(n.sockets.mail, handlers.mail)
	web(n.sockets.desk, handlers.desk)
	web(n.sockets.response, handlers.response)
	web(n.sockets.view, handlers.view)
	web(n.sockets.ledger, n.Ledger.Handler())
	web(n.control, n.controlHandler())
	n.serveMail(ctx, g)
	n.log.Info("serving", "addresses", n.Addresses())
	err = g.Wait()
	stopWork()
	err = errors.Join(err, background.Wait())
	if _, last := n.Ledger.Sequence(context.WithoutCancel(ctx)); last != nil {
		err = errors.Join(err, last)
	}
	return err
}

func serveHTTP(ctx context.Context, s *http.Server, l net.Listener) error {
	base, endStreams := context.WithCancel(context.WithoutCancel(ctx))
	defer endStreams()
	s.BaseContext = func(net.Listener) context.Context { return base }
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	// Streams of events never end by themselves: once short requests have had
	// their time, the contexts of those that are left end.
	defer time.AfterFunc(time.Second, endStreams).Stop()
	err := s.Shutdown(limit)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.Close()
	}
	return err
}
