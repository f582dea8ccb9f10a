package scim

import (
	"net/http"
	"slices"
	"strings"

	lib "github.com/elimity-com/scim"
	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/elimity-com/scim/optional"
	filter "github.com/scim2/filter-parser/v2"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
)

// users are the members of the token's organisation.
type users struct{ *service }

func userResource(p staff.Person) lib.Resource {
	created, changed := p.Created, p.Changed
	a := lib.ResourceAttributes{
		"userName": p.Login, "displayName": p.Name, "name": map[string]any{"formatted": p.Name},
		"active": p.Status == "active", "preferredLanguage": p.Locale,
	}
	if p.Email != "" {
		a["emails"] = []any{map[string]any{"value": p.Email, "type": "work", "primary": true}}
	}
	list := []any{}
	for _, r := range p.Roles {
		list = append(list, map[string]any{"value": string(r), "display": string(r), "type": "direct"})
	}
	a["groups"] = list
	r := lib.Resource{ID: string(p.ID), Attributes: a, Meta: lib.Meta{Created: &created, LastModified: &changed}}
	if p.ExternalID != "" {
		r.ExternalID = optional.NewString(p.ExternalID)
	}
	return r
}

// text finds a string attribute whatever the case of its name (RFC 7643, 2.1).
func value(m map[string]any, name string) (any, bool) {
	for k, v := range m {
		if strings.EqualFold(k, name) {
			return v, true
		}
	}
	return nil, false
}

func text(m map[string]any, name string) *string {
	v, _ := value(m, name)
	if s, ok := v.(string); ok {
		return &s
	}
	return nil
}

// changeOf reads what a resource says of a person. Attributes that Postern has
// no use for, passwords above all, are dropped.
func changeOf(m map[string]any) (c staff.PersonChange) {
	c.Login, c.ExternalID = text(m, "userName"), text(m, "externalId")
	if v, ok := value(m, "active"); ok {
		if b, ok := v.(bool); ok {
			c.Active = &b
		}
	}
	c.Name = nameOf(m)
	for _, key := range []string{"locale", "preferredLanguage"} {
		if l := text(m, key); l != nil {
			locale := localeOf(*l)
			c.Locale = &locale
		}
	}
	if v, ok := value(m, "emails"); ok {
		c.Email = emailOf(v)
	}
	return c
}

func localeOf(l string) string {
	if l = strings.ToLower(l); l == "fr" || strings.HasPrefix(l, "fr-") || strings.HasPrefix(l, "fr_") {
		return "fr"
	}
	return "en"
}

func nameOf(m map[string]any) *string {
	if d := text(m, "displayName"); d != nil && *d != "" {
		return d
	}
	v, _ := value(m, "name")
	n, ok := v.(map[string]any)
	if !ok {
		if a, is := v.(lib.ResourceAttributes); is {
			n, ok = a, true
		}
	}
	if !ok {
		return nil
	}
	if f := text(n, "formatted"); f != nil && *f != "" {
		return f
	}
	var parts []string
	for _, key := range []string{"givenName", "familyName"} {
		if p := text(n, key); p != nil && *p != "" {
			parts = append(parts, *p)
		}
	}
	if len(parts) == 0 {
		return nil
	}
	name := strings.Join(parts, " ")
	return &name
}

// emailOf gives the primary address of a list, else its first.
func emailOf(v any) *string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var email *string
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			continue
		}
		if primary, _ := value(m, "primary"); email == nil || primary == true {
			if t := text(m, "value"); t != nil {
				email = t
			}
		}
	}
	return email
}

func (u users) one(r *http.Request, id string) (staff.Person, error) {
	all, _, err := u.Staff.People(r.Context(), by(r).Organisation, staff.PersonQuery{ID: postern.StaffID(id)})
	if err == nil && (len(all) == 0 || id == "") {
		err = scimerrors.ScimErrorResourceNotFound(id)
	}
	if err != nil {
		return staff.Person{}, err
	}
	return all[0], nil
}

// Create takes a person on.
func (u users) Create(r *http.Request, a lib.ResourceAttributes) (lib.Resource, error) {
	c := changeOf(a)
	p, err := u.Staff.Join(r.Context(), by(r), c)
	if err != nil {
		return lib.Resource{}, u.failed(err)
	}
	return userResource(p), nil
}

// Get gives one person.
func (u users) Get(r *http.Request, id string) (lib.Resource, error) {
	p, err := u.one(r, id)
	if err != nil {
		return lib.Resource{}, u.failed(err)
	}
	return userResource(p), nil
}

// GetAll lists. What directories ask for, one user by userName or externalId, is
// an index's work; any other filter reads the organisation.
func (u users) GetAll(r *http.Request, params lib.ListRequestParams) (lib.Page, error) {
	page := lib.Page{Resources: []lib.Resource{}}
	q := staff.PersonQuery{From: params.StartIndex - 1, Most: params.Count}
	rest := params.FilterValidator
	if rest != nil {
		if e, ok := rest.GetFilter().(*filter.AttributeExpression); ok && e.Operator == filter.EQ && e.AttributePath.SubAttribute == nil {
			if v, ok := e.CompareValue.(string); ok && v != "" {
				switch strings.ToLower(e.AttributePath.AttributeName) {
				case "username":
					q.Login, rest = v, nil
				case "externalid":
					q.ExternalID, rest = v, nil
				case "id":
					q.ID, rest = postern.StaffID(v), nil
				}
			}
		}
		if rest != nil {
			q.From, q.Most = 0, 0
		}
	}
	if rest == nil && params.Count == 0 {
		q.From, q.Most = 0, 1 // only how many there are is asked for
	}
	all, total, err := u.Staff.People(r.Context(), by(r).Organisation, q)
	if err != nil {
		return page, u.failed(err)
	}
	page.TotalResults = total
	if rest != nil {
		all = slices.DeleteFunc(all, func(p staff.Person) bool {
			res := userResource(p)
			m := map[string]any{"id": res.ID, "externalId": p.ExternalID}
			for k, v := range res.Attributes {
				m[k] = v
			}
			return rest.PassesFilter(m) != nil
		})
		page.TotalResults = len(all)
		all = all[min(params.StartIndex-1, len(all)):]
	}
	for _, p := range all[:min(params.Count, len(all))] {
		page.Resources = append(page.Resources, userResource(p))
	}
	return page, nil
}

// Replace is PUT: what it leaves out stays, but for active, which Okta leaves
// out to mean that it is so.
func (u users) Replace(r *http.Request, id string, a lib.ResourceAttributes) (lib.Resource, error) {
	return u.amend(r, id, changeOf(a))
}

func (u users) amend(r *http.Request, id string, c staff.PersonChange) (lib.Resource, error) {
	p, err := u.Staff.Amend(r.Context(), by(r), postern.StaffID(id), c)
	if err == nil && p.Status == "left" && u.Left != nil {
		err = u.Left(r.Context(), p.ID)
	}
	if err != nil {
		return lib.Resource{}, u.failed(err)
	}
	return userResource(p), nil
}

// Delete ends the person's time.
func (u users) Delete(r *http.Request, id string) error {
	_, err := u.amend(r, id, staff.PersonChange{Delete: true})
	return err
}

// Patch applies all operations as one change, or none.
func (u users) Patch(r *http.Request, id string, operations []lib.PatchOperation) (lib.Resource, error) {
	all := map[string]any{}
	empty := ""
	var cleared staff.PersonChange
	for _, o := range operations {
		name := ""
		if o.Path != nil {
			name = strings.ToLower(o.Path.AttributePath.AttributeName)
		}
		switch {
		case o.Op == lib.PatchOperationRemove:
			switch name {
			case "externalid":
				cleared.ExternalID = &empty
			case "emails":
				cleared.Email = &empty
			case "username", "active":
				return lib.Resource{}, scimerrors.ScimErrorMutability
			}
		case name == "":
			m, _ := o.Value.(map[string]any)
			for k, v := range m {
				put(all, k, v)
			}
		case name == "emails" && o.Path.ValueExpression != nil && o.Path.SubAttributeName() != "":
			// Entra ID: emails[type eq "work"].value, and a string.
			if s, ok := o.Value.(string); ok && strings.EqualFold(o.Path.SubAttributeName(), "value") && workOf(o.Path) {
				all["emails"] = []any{map[string]any{"value": s, "primary": true}}
			}
		case o.Path.AttributePath.SubAttributeName() != "":
			put(all, name+"."+o.Path.AttributePath.SubAttributeName(), o.Value)
		default:
			put(all, name, o.Value)
		}
	}
	c := changeOf(all)
	if c.ExternalID == nil {
		c.ExternalID = cleared.ExternalID
	}
	if c.Email == nil {
		c.Email = cleared.Email
	}
	return u.amend(r, id, c)
}

// workOf says whether a path selects addresses of work.
func workOf(p *filter.Path) bool {
	e, ok := p.ValueExpression.(*filter.AttributeExpression)
	if !ok || !strings.EqualFold(e.AttributePath.AttributeName, "type") {
		return ok
	}
	return e.CompareValue == "work"
}

// put sets an attribute by its path: "name.givenName" is inside "name".
func put(all map[string]any, path string, v any) {
	path = path[strings.LastIndexByte(path, ':')+1:]
	outer, inner, nested := strings.Cut(path, ".")
	key := strings.ToLower(outer)
	if !nested {
		if key == "name" {
			if m, ok := all[key].(map[string]any); ok {
				if n, ok := v.(map[string]any); ok {
					for k, e := range n {
						m[k] = e
					}
					return
				}
			}
		}
		all[key] = v
		return
	}
	m, ok := all[key].(map[string]any)
	if !ok {
		m = map[string]any{}
		all[key] = m
	}
	m[inner] = v
}
