package imapd

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	block     = 32 << 10         // bytes written at once
	perBlock  = 60 * time.Second // what a client may take for each
	farewell  = time.Second      // what it may take for the last one
	bufferMin = 4 << 10
)

// link is a client's connection. It writes in blocks, where the library above
// it would write each line by itself: what is buffered leaves before the next
// read, when the block is full, or on Flush. A client that does not take a
// block in time is cut off. And so is one that sends too much before it has
// signed in: the library would read a literal of any size.
type link struct {
	net.Conn
	addr      netip.Addr
	network   string
	encrypted bool // TLS from the first byte
	closed    func()
	once      sync.Once

	mu    sync.Mutex // of writing; a stuck client holds it
	out   []byte     // given back when empty, so that those who wait cost little
	count sync.Mutex
	left  int  // bytes that may still be read before sign-in
	known bool // signed in
	plain bool // no STARTTLS yet: a line of text may be written to it
}

func newLink(c net.Conn, addr netip.Addr, network string, closed func()) *link {
	_, encrypted := c.(*tls.Conn)
	return &link{Conn: c, addr: addr, network: network, encrypted: encrypted, closed: closed, left: beforeSignIn, plain: true}
}

var errTooMuch = errors.New("too much before signing in")

func (l *link) Read(b []byte) (int, error) {
	if err := l.Flush(); err != nil {
		return 0, err
	}
	n, err := l.Conn.Read(b)
	l.count.Lock()
	defer l.count.Unlock()
	if l.known {
		return n, err
	}
	// The first byte of a TLS record (RFC 8446, 5.1): from here on only TLS
	// may be written.
	if n > 0 && b[0] == 0x16 {
		l.plain = false
	}
	if l.left -= n; l.left >= 0 {
		return n, err
	}
	if l.plain {
		_, _ = l.Write([]byte("* BYE [LIMIT] too much before signing in\r\n"))
		_ = l.Flush()
		// Closing over bytes that nobody read would take the line back from a
		// client that has not read it yet.
		_ = l.Conn.SetReadDeadline(time.Now().Add(farewell))
		_, _ = io.CopyN(io.Discard, l.Conn, beforeSignIn)
	}
	return 0, errTooMuch
}

func (l *link) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	written := 0
	for len(b) > 0 {
		if l.out == nil {
			l.out = make([]byte, 0, bufferMin)
		}
		n := min(len(b), block-len(l.out))
		l.out = append(l.out, b[:n]...)
		b, written = b[n:], written+n
		if len(l.out) == block {
			if err := l.send(perBlock); err != nil {
				return written, err
			}
		}
	}
	return written, nil
}

// send writes the block. Its buffer stays for the next one.
func (l *link) send(within time.Duration) error {
	if len(l.out) == 0 {
		return nil
	}
	_ = l.Conn.SetWriteDeadline(time.Now().Add(within))
	_, err := l.Conn.Write(l.out)
	l.out = l.out[:0]
	return err
}

// Flush sends what is buffered and lets the buffer go.
func (l *link) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.send(perBlock)
	l.out = nil
	return err
}

// SetWriteDeadline does nothing: the library's deadlines are of lines that do
// not leave yet.
func (l *link) SetWriteDeadline(time.Time) error { return nil }

// signedIn lifts the limit.
func (l *link) signedIn() {
	l.count.Lock()
	defer l.count.Unlock()
	l.known = true
}

// Close sends what is buffered first, a BYE mostly, but waits for nobody who is
// stuck.
func (l *link) Close() error {
	l.once.Do(l.closed)
	if l.mu.TryLock() {
		_ = l.send(farewell)
		l.mu.Unlock()
	}
	return l.Conn.Close()
}
