package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/postern-mail/postern"
	deskweb "github.com/postern-mail/postern/desk/web"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/staff/oidc"
)

var providerID = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// checkOIDC says what is wrong with [[staff.oidc]].
func checkOIDC(all []OIDCConfig) error {
	seen := map[string]bool{}
	for _, c := range all {
		u, err := url.Parse(c.Issuer)
		switch {
		case !providerID.MatchString(c.ID) || seen[c.ID]:
			return invalid("staff.oidc: id is %q: give each provider a short word of its own, of lower-case letters, digits and hyphens", c.ID)
		case err != nil || u.Host == "" || u.Scheme != "https" && u.Hostname() != "localhost" && !strings.HasPrefix(u.Hostname(), "127."):
			return invalid("staff.oidc: the issuer of %s is %q: write its https:// address", c.ID, c.Issuer)
		case c.Organisation == "" || c.ClientID == "":
			return invalid("staff.oidc: %s needs an organisation and a client_id", c.ID)
		}
		seen[c.ID] = true
	}
	return nil
}

// providers opens the companies' sign-ins, and gives their buttons and the
// handler of their logouts, which come from no browser.
func (n *Node) providers() ([]deskweb.Provider, http.Handler, error) {
	var buttons []deskweb.Provider
	logouts := http.NewServeMux()
	for _, c := range n.cfg.Staff.OIDC {
		secret := ""
		if c.SecretFile != "" {
			text, err := os.ReadFile(c.SecretFile)
			if err != nil {
				return nil, nil, fmt.Errorf("couldn't read the client secret of %s: %w", c.ID, err)
			}
			secret = strings.TrimSpace(string(text))
		}
		domains := make([]string, len(c.Domains))
		for i, d := range c.Domains {
			domains[i] = strings.ToLower(d)
		}
		name := c.Name
		if name == "" {
			name = c.ID
		}
		p := oidc.New(oidc.Parts{Staff: n.Staff, Origin: n.origins.Desk, Now: n.now, Log: n.log, Config: oidc.Config{ID: c.ID, Name: name,
			Organisation: postern.OrganisationID(c.Organisation), Issuer: c.Issuer, ClientID: c.ClientID, Secret: secret, Domains: domains, LoginClaim: c.LoginClaim, Join: c.Join}})
		buttons = append(buttons, deskweb.Provider{ID: c.ID, Name: name, Issuer: c.Issuer, Begin: p.Begin,
			Finish: func(rw http.ResponseWriter, r *http.Request, from staff.From) (string, staff.Session, string, error) {
				a, err := p.Finish(rw, r, from)
				return a.Token, a.Session, a.Next, err
			}})
		logouts.Handle("POST /oidc/"+c.ID+"/logout", p.Logout(n.endGrantsOf))
	}
	return buttons, logouts, nil
}

// endGrantsOf closes the grants and the open pages of sessions that a provider's
// logout has ended: whatever they would have shown is refused already.
func (n *Node) endGrantsOf(ctx context.Context, sessions []postern.SessionID) {
	var errs []error
	for _, id := range sessions {
		errs = append(errs, n.Gate.EndSession(ctx, staff.Session{ID: id}))
	}
	if err := errors.Join(errs...); err != nil {
		n.log.Warn("couldn't close what ended sessions had open", "error", err)
	}
}
