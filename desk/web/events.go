package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
)

// beat is how often a stream says that it is still there, so that proxies keep
// it and the browser notices when the server is gone.
const beat = 15 * time.Second

// glances is how often a case's page learns who else is writing.
const glances = 3 * time.Second

// events says "ended" when the session ends.
func (w *Web) events(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	return w.stream(rw, r, s, nil, s.Expires, gate.RefusedSessionEnded)
}

// grantEvents says "ended" when the session or the grant ends.
func (w *Web) grantEvents(rw http.ResponseWriter, r *http.Request, s staff.Session) error {
	g, err := w.grantOf(r, s)
	if err != nil {
		return err
	}
	ended, stop := w.Gate.WatchGrant(g.ID)
	defer stop()
	if !g.Live(w.Now()) {
		done := make(chan struct{})
		close(done)
		ended = done
	}
	return w.stream(rw, r, s, ended, g.Until, gate.RefusedGrantEnded)
}

// stream waits for the first of the session's end, the grant's, and the clock.
func (w *Web) stream(rw http.ResponseWriter, r *http.Request, s staff.Session, grant <-chan struct{}, until time.Time, clockKey string) error {
	session, stop := w.Gate.Watch(s.ID)
	defer stop()
	out := http.NewResponseController(rw)
	_ = out.SetWriteDeadline(time.Time{}) // a stream outlives the server's bound on pages
	rw.Header().Set("Content-Type", "text/event-stream")
	rw.Header().Set("X-Accel-Buffering", "no")
	rw.WriteHeader(http.StatusOK)
	fmt.Fprint(rw, ": open\n\n")
	if err := out.Flush(); err != nil {
		return nil // nobody is listening
	}
	// The session may have ended between its check and the watch.
	if _, err := w.Staff.SessionOf(r.Context(), w.ui.Secret(r, cookieName)); err != nil && postern.KindOf(err) == postern.Denied {
		w.say(rw, r, gate.RefusedSessionEnded)
		return nil
	}
	clock := time.NewTimer(until.Sub(w.Now()))
	defer clock.Stop()
	tick := time.NewTicker(beat)
	defer tick.Stop()
	// On a case's page it says who else is writing there.
	var glance <-chan time.Time
	said := ""
	id := postern.CaseID(r.URL.Query().Get("case"))
	if id != "" && grant == nil {
		look := time.NewTicker(glances)
		defer look.Stop()
		glance = look.C
	}
	for {
		select {
		case <-session:
			if grant != nil {
				fmt.Fprint(rw, "event: session\ndata: ended\n\n") // the whole page goes, not the revealed part alone
			}
			w.say(rw, r, gate.RefusedContained)
			return nil
		case <-grant:
			w.say(rw, r, gate.RefusedGrantEnded)
			return nil
		case <-clock.C:
			w.say(rw, r, clockKey)
			return nil
		case <-r.Context().Done():
			return nil
		case <-glance:
			if now := w.writing(r, s, id); now != said {
				said = now
				fmt.Fprintf(rw, "event: presence\ndata: %s\n\n", strings.ReplaceAll(now, "\n", " "))
				if out.Flush() != nil {
					return nil
				}
			}
		case <-tick.C:
			fmt.Fprint(rw, ":\n\n")
			if out.Flush() != nil {
				return nil
			}
		}
	}
}

func (w *Web) say(rw http.ResponseWriter, r *http.Request, key string) {
	fmt.Fprintf(rw, "event: ended\ndata: %s\n\n", strings.ReplaceAll(w.t(r, key), "\n", " "))
	_ = http.NewResponseController(rw).Flush()
}
