// Package web is the first face, Mail: a customer's mailboxes, the messages in
// them, and everything the customer may know and decide about support: cases,
// consent, who looked, notices.
//
// What it keeps: a session's token and a few seconds' worth of "undo" in cookies
// of its own origin, and in memory the key with which it signs the addresses of
// message HTML. Nothing else; mail is in the store, sessions are in account.
//
// Trust: it reads every message of whoever is signed in, and of nobody else:
// the account of every call is the session's. What strangers wrote is shown as
// text, or as HTML that was made safe, in a sandboxed frame of another origin.
// It must never log an address, a subject or a query, and knows of staff only
// what Help tells it.
package web

import (
	"context"
	"crypto/rand"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/ui"
)

//go:embed all:templates locales
var files embed.FS

// Parts are what the face is made of.
type Parts struct {
	Mail     *mail.Mail
	Accounts *account.Accounts
	Help     Help
	// Submit takes a letter to be sent, as mail/queue does; without it the face
	// only reads.
	Submit   func(ctx context.Context, from postern.AccountID, sender string, recipients []string, raw []byte) error
	Provider string // the provider's name, as customers know it: "Outlook"
	// Origin is the address of this face, "https://mail.example"; ViewOrigin is
	// where the HTML of messages is served, an origin that has no cookie of ours.
	Origin, ViewOrigin string
	// ViewKey signs the addresses of message HTML. Processes that serve one
	// face share it; nil makes one that lasts as long as the process.
	ViewKey []byte
	Zone    *time.Location // nil: UTC
	Now     func() time.Time
	Log     *slog.Logger
	// Demo lists invented people to sign in as with one click. Only a demo has it.
	Demo []postern.AccountID
}

// Web is the face. It is the handler of the face's own origin; [Web.View] is
// that of the other one.
type Web struct {
	Parts
	ui    *ui.UI
	store *store.Store
	inner http.Handler
	outer http.Handler
}

// New makes the face.
func New(p Parts) (*Web, error) {
	w := &Web{Parts: p}
	if p.Mail != nil {
		w.store = p.Mail.Store()
	}
	if w.ViewKey == nil {
		w.ViewKey = make([]byte, 32)
		rand.Read(w.ViewKey) // never fails (crypto/rand)
	}
	w.Origin, w.ViewOrigin = strings.TrimSuffix(p.Origin, "/"), strings.TrimSuffix(p.ViewOrigin, "/")
	templates, err := fs.Sub(files, "templates")
	if err != nil {
		return nil, err
	}
	o := ui.Options{Face: ui.Mail, Templates: templates, Locales: files, Now: p.Now, Zone: p.Zone, Log: p.Log, Demo: len(p.Demo) > 0, Remember: w.remember}
	if w.ViewOrigin != "" {
		o.FrameSources = []string{w.ViewOrigin}
	}
	if w.ui, err = ui.New(o); err != nil {
		return nil, fmt.Errorf("couldn't make the Mail face: %w", err)
	}
	w.inner = w.routes()
	w.outer = w.ui.Wrap(w.inner)
	return w, nil
}

// ServeHTTP answers on the face's own origin.
func (w *Web) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.outer.ServeHTTP(rw, r) }

// Storybook shows the samples, for people and for tests that open a browser.
func (w *Web) Storybook() http.Handler { return w.ui.Storybook(Samples(w.Now())) }
