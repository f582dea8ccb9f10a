// Package api is what programs do in place of people: ticket systems open and
// close cases, a SIEM reads alerts and disclosures, a SOAR contains. Each
// operation is the act behind a page of Desk or Response, through the same
// rooms, with the same refusals and the same entries in the ledger; the document
// at /api/openapi.json (OpenAPI 3.1) is made from the code that answers.
//
// What it keeps: nothing.
//
// Trust: it believes a scoped token of the staff directory and nothing else. A
// token belongs to a member, is refused like that member's session, and is ended
// like one. What the gate reveals goes through the gate's writer to the one
// request that asked for it. It cannot reach a mailbox, and must never log a
// token, an address or a subject.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/history"
	"github.com/postern-mail/postern/ledger"
	"github.com/postern-mail/postern/response"
	"github.com/postern-mail/postern/staff"
)

// Parts is what the API is made of.
type Parts struct {
	Staff    *staff.Directory
	Desk     *desk.Desk
	Cases    *desk.Cases
	Gate     *gate.Gate
	Response *response.Response
	Ledger   *ledger.Ledger
	History  *history.History
	// Customer gives an address's account, with what a case keeps of it. The
	// staff plane knows no addresses, so the node plugs the directory in.
	Customer func(ctx context.Context, address string) (Customer, error)
	Log      *slog.Logger
	// From says where a request comes from; nil reads its remote address.
	From func(*http.Request) staff.From
}

// Customer is who a case is about.
type Customer struct {
	Account               postern.AccountID
	Address, Name, Locale string
}

type rooms struct{ Parts }

// bodyMax bounds a request's body, bytes. The longest is a reply of 64 KiB.
const bodyMax = 256 << 10

// New gives the handler of /api/.
func New(p Parts) http.Handler {
	if p.From == nil {
		p.From = remote
	}
	r := rooms{p}
	mux := http.NewServeMux()
	api := humago.New(mux, config())
	api.UseMiddleware(r.authenticate())
	r.caseOperations(api)
	r.queueOperations(api)
	r.caseworkOperations(api)
	r.gateOperations(api)
	r.holdOperations(api)
	r.historyOperations(api)
	r.responseOperations(api)
	r.incidentOperations(api)
	r.scopeOperations(api)
	r.noticeOperations(api)
	r.ledgerOperations(api)
	r.oversightOperations(api)
	return mux
}

func config() huma.Config {
	c := huma.DefaultConfig("Postern", "1")
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "/api/openapi", "", ""
	c.CreateHooks = nil // no "$schema" member and Link header: nothing is served at such an address
	c.RejectUnknownQueryParameters = true
	c.Info.Description = "The acts of the Desk and the response centre, for programs. Every refusal is a problem (RFC 9457) whose type names the rule: \"urn:postern:gate.refused.budget\". Whatever shows something of a customer's is in the ledger first."
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "A scoped token: postern staff token new. It may do what its member may do, within its scopes, and is contained like a person."},
	}
	return c
}

// operation completes an operation with what all share.
func operation(o huma.Operation, scope string) huma.Operation {
	o.Security = []map[string][]string{{"token": {scope}}}
	o.MaxBodyBytes = bodyMax
	o.BodyReadTimeout = 10 * time.Second
	o.RejectUnknownQueryParameters = true
	o.Description = strings.TrimSpace(o.Description + "\n\nScope: " + scope + ".")
	o.Errors = append(o.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable)
	return o
}

type sessionKey struct{}

// authenticate lets a request through whose token counts and has the scope of
// the operation.
func (r rooms) authenticate() func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		refuse := func(err error) {
			p := problem(err)
			if p.Status == http.StatusUnauthorized {
				ctx.SetHeader("WWW-Authenticate", `Bearer realm="postern"`)
			}
			ctx.SetHeader("Content-Type", "application/problem+json")
			ctx.SetStatus(p.Status)
			if err := json.NewEncoder(ctx.BodyWriter()).Encode(p); err != nil {
				r.Log.Debug("a client went away", "err", err)
			}
		}
		scheme, secret, _ := strings.Cut(ctx.Header("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || secret == "" {
			refuse(errUnknown)
			return
		}
		request, _ := humago.Unwrap(ctx)
		s, err := r.Staff.TokenSession(ctx.Context(), secret, r.From(request))
		if err != nil {
			if postern.KindOf(err) == postern.Denied || postern.KindOf(err) == postern.NotFound {
				err = &refusedToken{err}
			}
			refuse(err)
			return
		}
		for _, needs := range ctx.Operation().Security {
			for _, scope := range needs["token"] {
				if !s.May(scope) {
					refuse(&postern.Error{Kind: postern.Denied, Key: "api.refused.scope", Text: "this token has not the scope " + scope})
					return
				}
			}
		}
		next(huma.WithValue(ctx, sessionKey{}, s))
	}
}

// session is whose token it was: authenticate put it there.
func session(ctx context.Context) staff.Session {
	s, _ := ctx.Value(sessionKey{}).(staff.Session)
	return s
}

// refusedToken is a token that does not count (any more).
type refusedToken struct{ error }

func (r *refusedToken) Unwrap() error { return r.error }

var errUnknown = &refusedToken{errors.New("send a token: Authorization: Bearer pst_…")}

// problem gives an error as RFC 9457 has it. What has no kind is nobody's
// choice, and its text stays here.
func problem(err error) *huma.ErrorModel {
	status, detail := http.StatusInternalServerError, "something went wrong here; the log says what"
	var token *refusedToken
	if errors.As(err, &token) {
		return &huma.ErrorModel{Status: http.StatusUnauthorized, Title: http.StatusText(http.StatusUnauthorized), Type: urn(err), Detail: clause(err)}
	}
	switch postern.KindOf(err) {
	case postern.NotFound:
		status = http.StatusNotFound
	case postern.Denied, postern.Withheld:
		status = http.StatusForbidden
	case postern.Conflict:
		status = http.StatusConflict
	case postern.Invalid:
		status = http.StatusUnprocessableEntity
	case postern.Unavailable:
		status = http.StatusServiceUnavailable
	}
	if status != http.StatusInternalServerError {
		detail = clause(err)
	}
	return &huma.ErrorModel{Status: status, Title: http.StatusText(status), Type: urn(err), Detail: detail}
}

func urn(err error) string {
	if key := postern.KeyOf(err); key != "" {
		return "urn:postern:" + key
	}
	return "about:blank"
}

// clause is the plain sentence of an error, without its cause.
func clause(err error) string {
	var e *postern.Error
	if errors.As(err, &e) && e.Text != "" {
		return e.Text
	}
	return err.Error()
}

// failed turns a room's error into an answer.
func (r rooms) failed(ctx context.Context, err error) error {
	p := problem(err)
	if p.Status == http.StatusInternalServerError && ctx.Err() == nil {
		r.Log.Error("an API request failed", "err", err)
	}
	return p
}

func remote(r *http.Request) staff.From {
	from := staff.From{Agent: r.UserAgent()}
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		from.Network = staff.Network(at.Addr().Unmap())
	}
	return from
}

type reply[T any] struct{ Body T }

// list is a page of something, newest first.
type list[T any] struct {
	Items []T `json:"items"`
}

func mapped[A, B any](all []A, f func(A) B) list[B] {
	l := list[B]{Items: make([]B, 0, len(all))}
	for _, a := range all {
		l.Items = append(l.Items, f(a))
	}
	return l
}

// when gives a time, nil for none, so that JSON leaves it out.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
