package imapd

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/postern-mail/postern/account"
)

// kind says what a connection must do before it may send a password.
type kind int

const (
	encrypted kind = iota // nothing: it is under TLS
	local                 // nothing: it does not leave the machine
	remote                // STARTTLS
)

// hall is the listener that one kind of connection comes from.
type hall struct {
	net.Listener
	ctx   context.Context
	conns chan net.Conn
}

func (h *hall) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.ctx.Done():
		return nil, net.ErrClosed
	}
}

// accept counts connections, refuses those that are too many, and sorts them.
func (s *Server) accept(ctx context.Context, l net.Listener, halls map[kind]*hall) error {
	const most = time.Second
	for pause := time.Duration(0); ; {
		c, err := l.Accept()
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			if c != nil {
				c.Close()
			}
			return nil
		case err != nil: // out of descriptors, mostly: others will leave
			pause = min(pause*2+5*time.Millisecond, most)
			s.Log.Warn("couldn't accept a connection", "err", err)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			continue
		}
		pause = 0
		var addr netip.Addr
		if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
			addr = tcp.AddrPort().Addr().Unmap()
		}
		network := account.Network(addr)
		lk := newLink(c, addr, network, func() { s.leave(network) })
		if !s.enter(network, addr.IsLoopback()) {
			// Under TLS a word would wait for the client's handshake.
			if !lk.encrypted {
				_, _ = c.Write([]byte("* BYE [LIMIT] too many connections, try again later\r\n"))
			}
			c.Close()
			continue
		}
		to := remote
		switch {
		case lk.encrypted:
			to = encrypted
		case addr.IsLoopback():
			to = local
		}
		select {
		case halls[to].conns <- lk:
		case <-ctx.Done():
			lk.Close()
		}
	}
}
