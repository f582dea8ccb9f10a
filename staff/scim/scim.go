// Package scim lets a company's directory (Entra ID, Okta) keep the staff of one
// organisation: joiners, movers and leavers over SCIM 2.0 (RFC 7643, RFC 7644)
// at /scim/v2. Users are members, groups are the roles.
//
// What it keeps: nothing; people are rows of staff.
//
// Trust: it handles an API token, of which it asks the scope "scim", and what a
// directory says of people. It reaches the members of the token's organisation
// and no others, gives nobody a way in, and makes admins for the provider's own
// directory alone. It must never take a password, and logs no name.
package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	lib "github.com/elimity-com/scim"
	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
)

// Root is where the service stands, as directories are told.
const Root = "/scim/v2"

// What a directory may send: a group of ten thousand people fits.
const (
	maxBody  = 1 << 20
	maxWords = 500 // of a filter or a path
)

// Parts is what the service is made of.
type Parts struct {
	Staff  *staff.Directory
	Origin string // "https://desk.example": what locations begin with
	Log    *slog.Logger
	// Left closes what a member had open, once they have left; nil does nothing.
	// It is called again when a directory says again that they have.
	Left func(context.Context, postern.StaffID) error
	// From says where a request comes from; nil reads its remote address.
	From func(*http.Request) staff.From
}

type service struct {
	Parts
	lib lib.Server
}

// New makes the handler of Root and all below it.
func New(p Parts) (http.Handler, error) {
	if p.From == nil {
		p.From = remote
	}
	s := &service{Parts: p}
	var err error
	s.lib, err = lib.NewServer(&lib.ServerArgs{
		ServiceProviderConfig: &lib.ServiceProviderConfig{SupportFiltering: true, SupportPatch: true, MaxResults: 200,
			AuthenticationSchemes: []lib.AuthenticationScheme{{Type: lib.AuthenticationTypeOauthBearerToken, Name: "API token", Description: "An API token of Postern with the scope scim", Primary: true}}},
		ResourceTypes: []lib.ResourceType{
			{ID: optional.NewString("User"), Name: "User", Endpoint: "/Users", Description: optional.NewString("A member of staff"), Schema: schema.CoreUserSchema(),
				SchemaExtensions: []lib.SchemaExtension{{Schema: schema.ExtensionEnterpriseUser()}}, Handler: users{s}},
			{ID: optional.NewString("Group"), Name: "Group", Endpoint: "/Groups", Description: optional.NewString("A role"), Schema: schema.CoreGroupSchema(), Handler: groups{s}},
		},
	}, lib.WithBaseURL(p.Origin+Root))
	if err != nil {
		return nil, fmt.Errorf("couldn't set up SCIM: %w", err)
	}
	return s, nil
}

func remote(r *http.Request) staff.From {
	f := staff.From{Agent: r.UserAgent()}
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		f.Network = staff.Network(at.Addr())
	}
	return f
}

type sessionKey struct{}

// by gives the session of the request's token.
func by(r *http.Request) staff.Session {
	s, _ := r.Context().Value(sessionKey{}).(staff.Session)
	return s
}

// ServeHTTP admits tokens, bounds what they send, and hands on.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		secret = ""
	}
	session, err := s.Staff.TokenSession(r.Context(), strings.TrimSpace(secret), s.From(r))
	switch {
	case postern.KindOf(err) == postern.Denied:
		w.Header().Set("WWW-Authenticate", `Bearer realm="scim"`)
		refuse(w, http.StatusUnauthorized, "", "the API token does not count: it is wrong, over or ended")
		return
	case err != nil:
		s.Log.Error("SCIM couldn't look at a token", "error", err)
		refuse(w, http.StatusInternalServerError, "", "this failed here; try again")
		return
	case !session.May(staff.ScopeSCIM):
		refuse(w, http.StatusForbidden, "", "the API token has not the scope scim")
		return
	case len(r.URL.Query().Get("filter")) > maxWords:
		refuse(w, http.StatusBadRequest, "invalidFilter", "the filter is too long")
		return
	}
	r = r.WithContext(context.WithValue(r.Context(), sessionKey{}, session))
	if r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			refuse(w, http.StatusRequestEntityTooLarge, "", fmt.Sprintf("a request has at most %d bytes", maxBody))
			return
		}
		if err == nil {
			body, err = plain(body)
		}
		if err != nil {
			refuse(w, http.StatusBadRequest, "invalidSyntax", "the body can't be read: "+err.Error())
			return
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	http.StripPrefix(Root, s.lib).ServeHTTP(w, r)
}

// refuse answers in SCIM's form (RFC 7644, 3.12).
func refuse(w http.ResponseWriter, status int, kind, detail string) {
	w.Header().Set("Content-Type", "application/scim+json")
	w.WriteHeader(status)
	e := map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:Error"}, "status": fmt.Sprint(status), "detail": detail}
	if kind != "" {
		e["scimType"] = kind
	}
	_ = json.NewEncoder(w).Encode(e) // what fails here is the connection
}

// failed gives a room's error in SCIM's form.
func (s *service) failed(err error) error {
	if err == nil {
		return nil
	}
	var e scimerrors.ScimError
	if errors.As(err, &e) {
		return e
	}
	var p *postern.Error
	if !errors.As(err, &p) {
		s.Log.Error("a SCIM request failed", "error", err)
		return scimerrors.ScimErrorInternal
	}
	switch p.Kind {
	case postern.NotFound:
		return scimerrors.ScimError{Status: http.StatusNotFound, Detail: p.Text}
	case postern.Conflict:
		return scimerrors.ScimError{Status: http.StatusConflict, ScimType: scimerrors.ScimTypeUniqueness, Detail: p.Text}
	case postern.Invalid:
		return scimerrors.ScimError{Status: http.StatusBadRequest, ScimType: scimerrors.ScimTypeInvalidValue, Detail: p.Text}
	case postern.Denied:
		return scimerrors.ScimError{Status: http.StatusForbidden, Detail: p.Text}
	}
	s.Log.Error("a SCIM request failed", "error", err)
	return scimerrors.ScimErrorInternal
}
