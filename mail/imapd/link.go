package imapd

import (
	"bufio"
	"errors"
	"net"
	"net/netip"
	"sync"
)

// link is a client's connection. It writes in blocks, where the library below
// it would write each line by itself: what is buffered leaves before the next
// read, when the block is full, or on Flush. And it ends a connection that
// sends too much before it has signed in: the library would read a literal of
// any size.
type link struct {
	net.Conn
	addr    netip.Addr
	network string
	closed  func()

	mu    sync.Mutex
	out   *bufio.Writer
	once  sync.Once
	left  int // bytes that may still be read; counts down until signed in
	known bool
}

func newLink(c net.Conn, addr netip.Addr, network string, closed func()) *link {
	return &link{Conn: c, addr: addr, network: network, closed: closed, out: bufio.NewWriterSize(c, 32<<10), left: beforeSignIn}
}

var errTooMuch = errors.New("too much before signing in")

func (l *link) Read(b []byte) (int, error) {
	if err := l.Flush(); err != nil {
		return 0, err
	}
	n, err := l.Conn.Read(b)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.known {
		if l.left -= n; l.left < 0 {
			_, _ = l.out.WriteString("* BYE [LIMIT] too much before signing in\r\n")
			_ = l.out.Flush()
			return 0, errTooMuch
		}
	}
	return n, err
}

func (l *link) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(b)
}

// Flush sends what is buffered.
func (l *link) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Flush()
}

// signedIn lifts the limit.
func (l *link) signedIn() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known = true
}

// Close sends what is buffered first: a BYE, mostly.
func (l *link) Close() error {
	_ = l.Flush()
	l.once.Do(l.closed)
	return l.Conn.Close()
}
