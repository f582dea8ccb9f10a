package queue_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/postern-mail/postern/mail/queue"
	"github.com/postern-mail/postern/testkit/engine"
)

// zone answers questions for MX and A over UDP on loopback.
type zone struct {
	mx map[string][]string // "10 mx.example"
	a  map[string]string
}

func (z zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	a := new(dns.Msg).SetReply(q)
	question := q.Question[0]
	name := strings.ToLower(question.Name)
	header := dns.RR_Header{Name: question.Name, Rrtype: question.Qtype, Class: dns.ClassINET}
	_, hasMX := z.mx[name]
	_, hasA := z.a[name]
	if !hasMX && !hasA {
		a.Rcode = dns.RcodeNameError
	}
	switch question.Qtype {
	case dns.TypeMX:
		for i, host := range z.mx[name] {
			a.Answer = append(a.Answer, &dns.MX{Hdr: header, Preference: uint16(10 * (i + 1)), Mx: host})
		}
	case dns.TypeA:
		if ip := z.a[name]; ip != "" {
			a.Answer = append(a.Answer, &dns.A{Hdr: header, A: net.ParseIP(ip)})
		}
	}
	_ = w.WriteMsg(a)
}

func (z zone) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan struct{}), make(chan error, 1)
	s := &dns.Server{PacketConn: pc, Handler: z, NotifyStartedFunc: func() { close(ready) }}
	go func() { ended <- s.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

func TestTheWayIsTheMX(t *testing.T) {
	s := elsewhere(t)
	_, port, err := net.SplitHostPort(s.address)
	if err != nil {
		t.Fatal(err)
	}
	z := zone{
		// The first server is away (nobody listens at 127.0.0.2 there), the second is well.
		mx: map[string][]string{"elsewhere.example.": {"away.elsewhere.example.", "localhost."}, "closed.example.": {"."}},
		a:  map[string]string{"away.elsewhere.example.": "127.0.0.2", "localhost.": "127.0.0.1"},
	}
	for _, c := range []struct{ to, event, status string }{
		{"clara@elsewhere.example", "sent", ""},
		{"x@closed.example", "bounced", "Status: 5.1.10"},
		{"x@missing.example", "bounced", "Status: 5.1.2"},
	} {
		t.Run(c.to, func(t *testing.T) {
			h := newHouse(t, engine.SQLite(t), func(p *queue.Parts) { p.Outbound, p.Resolver, p.Port = "direct", z.resolver(t), port })
			h.run(t)
			h.submit(t, c.to)
			h.empty(t, h.ana)
			if got := h.events(t); len(got) == 0 || got[0] != "queued" {
				t.Errorf("the trace is %q", got)
			}
			got := strings.Join(h.inbox(t, h.ana), "")
			if !strings.Contains(got, c.status) || (c.event == "bounced") != (got != "") {
				t.Errorf("the bounce is %q", got)
			}
		})
	}
	if len(s.got()) != 1 {
		t.Errorf("%d messages arrived", len(s.got()))
	}
}
