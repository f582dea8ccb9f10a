package smtpd

import (
	"io"
	"net"
	"time"
)

// reader reads from the client. While a message is on its way every read has a
// new deadline, and all of them together one more.
type reader struct {
	s *session
	c net.Conn
}

func (r reader) Read(b []byte) (int, error) {
	r.s.mu.Lock()
	if until := r.s.until; !until.IsZero() {
		next := deadline(r.s.server.Limits.Idle)
		if until.Before(next) {
			next = until
		}
		_ = r.c.SetReadDeadline(next)
	}
	r.s.mu.Unlock()
	return r.c.Read(b)
}

// grace is what a message that is on its way has when the server closes.
const grace = 10 * time.Second

// command waits for a line.
func (s *session) command() (string, error) {
	s.mu.Lock()
	s.waiting = true
	_ = s.conn.SetReadDeadline(deadline(s.server.Limits.Idle))
	if s.ctx.Err() != nil {
		_ = s.conn.SetReadDeadline(deadline(0))
	}
	s.mu.Unlock()
	most := lineMost
	if s.submission {
		most = lineMostAuth
	}
	line, err := readCommand(s.r, most)
	s.mu.Lock()
	s.waiting = false
	s.mu.Unlock()
	return line, err
}

// message waits for a message's data.
func (s *session) message(room func(int) bool) ([]byte, error) {
	s.mu.Lock()
	s.until = deadline(s.server.Limits.Data)
	if s.ctx.Err() != nil {
		s.until = deadline(grace)
	}
	s.mu.Unlock()
	raw, err := readMessage(s.r, s.server.MaxSize, room)
	s.mu.Lock()
	s.until = time.Time{}
	s.mu.Unlock()
	return raw, err
}

// hurry ends the wait for a command, and shortens that for a message.
func (s *session) hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting {
		_ = s.conn.SetReadDeadline(deadline(0))
	}
	if soon := deadline(grace); !s.until.IsZero() && soon.Before(s.until) {
		s.until = soon
		_ = s.conn.SetReadDeadline(soon)
	}
}

// end closes the connection. Where the client may be sending still, what it
// sends is read for a moment more: a socket that is closed on unread bytes
// answers with a reset, and the last reply would be lost with it.
func (s *session) end() {
	half, ok := s.conn.(interface{ CloseWrite() error }) // TCP and TLS have it
	if ok && s.rude && half.CloseWrite() == nil {
		_ = s.conn.SetReadDeadline(deadline(time.Second))
		_, _ = io.CopyN(io.Discard, s.conn, 1<<20)
	}
	// On TLS this says goodbye first (RFC 8446, 6.1).
	_ = s.conn.Close()
}
