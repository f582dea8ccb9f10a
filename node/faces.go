package node

import (
	"context"
	"net"
	"net/http"

	"golang.org/x/sync/errgroup"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	deskweb "github.com/postern-mail/postern/desk/web"
	"github.com/postern-mail/postern/mail/check"
	"github.com/postern-mail/postern/mail/imapd"
	"github.com/postern-mail/postern/mail/queue"
	"github.com/postern-mail/postern/mail/smtpd"
	mailweb "github.com/postern-mail/postern/mail/web"
	responseweb "github.com/postern-mail/postern/response/web"
	"github.com/postern-mail/postern/staff/scim"
)

type faces struct{ mail, view, desk, response http.Handler }

// faces makes the three faces and the sandbox of message HTML.
func (n *Node) faces(ctx context.Context) (faces, error) {
	m, err := mailweb.New(mailweb.Parts{Mail: n.Mail, Accounts: n.Accounts, Help: help{n}, Provider: n.cfg.Provider,
		Origin: n.origins.Mail, ViewOrigin: n.origins.View, Submit: n.Queue.Submit,
		Now: n.now, Log: n.log, Demo: n.invented(ctx)})
	if err != nil {
		return faces{}, err
	}
	providers, logouts, err := n.providers()
	if err != nil {
		return faces{}, err
	}
	d, err := deskweb.New(deskweb.Parts{Providers: providers, Desk: n.Desk, Gate: n.Gate, History: n.History, Staff: n.Staff, Hooks: n.Hooks, Find: n.findAccount, Now: n.now, Log: n.log, Demo: n.Staff.Demo()})
	if err != nil {
		return faces{}, err
	}
	r, err := responseweb.New(responseweb.Parts{Response: n.Response, Staff: n.Staff, Gate: n.Gate, Now: n.now, Log: n.log, Demo: n.Staff.Demo()})
	if err != nil {
		return faces{}, err
	}
	directories, err := n.directories()
	if err != nil {
		return faces{}, err
	}
	staffed := http.NewServeMux()
	staffed.Handle(scim.Root+"/", directories)
	staffed.Handle("/api/", n.api())
	staffed.Handle("POST /oidc/{provider}/logout", logouts)
	staffed.Handle("/", d.Handler())
	return faces{mail: m, view: m.View(), desk: n.hooked(staffed), response: r}, nil
}

// findAccount is all that the desk learns of the mail plane's directory: that
// an address has an account.
func (n *Node) findAccount(ctx context.Context, address string) (postern.AccountID, error) {
	a, err := n.Accounts.ByAddress(ctx, address)
	return a.ID, err
}

// invented lists the demo's customers; outside the demo there are none to sign
// in with a click.
func (n *Node) invented(ctx context.Context) []postern.AccountID {
	if n.opts.Demo == nil {
		return nil
	}
	all, err := n.Accounts.List(ctx, "", 20)
	if err != nil {
		return nil
	}
	ids := make([]postern.AccountID, len(all))
	for i, a := range all {
		ids[i] = a.ID
	}
	return ids
}

func (n *Node) queue(ctx context.Context, h *db.Handle) (*queue.Queue, error) {
	return queue.Open(ctx, queue.Parts{DB: h, Mail: n.Mail, Accounts: n.Accounts, Hostname: n.cfg.Hostname, Outbound: n.cfg.Mail.Outbound, Now: n.now, Log: n.log})
}

// serveMail starts SMTP and IMAP on their listeners.
func (n *Node) serveMail(ctx context.Context, g *errgroup.Group) {
	parts := smtpd.Parts{Mail: n.Mail, Accounts: n.Accounts, Queue: n.Queue, Hostname: n.cfg.Hostname, MaxSize: n.cfg.Mail.MaxSize, TLS: n.sockets.tls, Now: n.now, Log: n.log}
	if n.cfg.Mail.Check == nil || *n.cfg.Mail.Check {
		parts.Check = check.Open(check.Parts{Resolver: net.DefaultResolver, Hostname: n.cfg.Hostname, Now: n.now, Log: n.log})
	}
	s := smtpd.Open(parts)
	if l := n.sockets.smtp; l != nil {
		g.Go(func() error { return s.Serve(ctx, l, false) })
	}
	if l := n.sockets.submission; l != nil {
		g.Go(func() error { return s.Serve(ctx, l, true) })
	}
	if l := n.sockets.imap; l != nil {
		i := imapd.Open(imapd.Parts{Mail: n.Mail, Accounts: n.Accounts, TLS: n.sockets.tls, MaxSize: n.cfg.Mail.MaxSize, Now: n.now, Log: n.log})
		g.Go(func() error { return i.Serve(ctx, l) })
	}
}
