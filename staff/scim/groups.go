package scim

import (
	"net/http"
	"slices"
	"strings"

	lib "github.com/elimity-com/scim"
	scimerrors "github.com/elimity-com/scim/errors"
	filter "github.com/scim2/filter-parser/v2"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
)

// groups are the roles. There are as many as there are, and a directory neither
// makes nor deletes one: it puts people into them.
type groups struct{ *service }

var errRoles = scimerrors.ScimError{Status: http.StatusForbidden, Detail: "the groups are Postern's roles: none can be made, renamed or deleted"}

// roles lists the groups that a token can see: those of everybody's affairs are
// the provider's alone.
func roles(s staff.Session) []staff.Role {
	list := slices.Clone(staff.Roles[:])
	if s.OrganisationKind != "provider" {
		list = slices.DeleteFunc(list, staff.Role.Overall)
	}
	return list
}

func (g groups) role(r *http.Request, id string) (staff.Role, error) {
	if role := staff.Role(id); slices.Contains(roles(by(r)), role) {
		return role, nil
	}
	return "", scimerrors.ScimErrorResourceNotFound(id)
}

func groupResource(role staff.Role, people []staff.Person) lib.Resource {
	list := []any{}
	for _, p := range people {
		if slices.Contains(p.Roles, role) {
			list = append(list, map[string]any{"value": string(p.ID), "display": p.Name, "type": "User"})
		}
	}
	return lib.Resource{ID: string(role), Attributes: lib.ResourceAttributes{"displayName": string(role), "members": list}}
}

func (g groups) get(r *http.Request, role staff.Role) (lib.Resource, error) {
	people, _, err := g.Staff.People(r.Context(), by(r).Organisation, staff.PersonQuery{})
	if err != nil {
		return lib.Resource{}, g.failed(err)
	}
	return groupResource(role, people), nil
}

// Create refuses: 409 where the role is there already, so that a directory
// links its group to it.
func (g groups) Create(r *http.Request, a lib.ResourceAttributes) (lib.Resource, error) {
	if name := text(a, "displayName"); name != nil {
		if _, err := g.role(r, strings.ToLower(*name)); err == nil {
			return lib.Resource{}, scimerrors.ScimErrorUniqueness
		}
	}
	return lib.Resource{}, errRoles
}

// Get gives a role with its members.
func (g groups) Get(r *http.Request, id string) (lib.Resource, error) {
	role, err := g.role(r, id)
	if err != nil {
		return lib.Resource{}, err
	}
	return g.get(r, role)
}

// GetAll lists the roles.
func (g groups) GetAll(r *http.Request, params lib.ListRequestParams) (lib.Page, error) {
	people, _, err := g.Staff.People(r.Context(), by(r).Organisation, staff.PersonQuery{})
	if err != nil {
		return lib.Page{}, g.failed(err)
	}
	all := []lib.Resource{}
	for _, role := range roles(by(r)) {
		res := groupResource(role, people)
		if f := params.FilterValidator; f != nil && f.PassesFilter(map[string]any{"id": res.ID, "displayName": res.ID, "members": res.Attributes["members"]}) != nil {
			continue
		}
		all = append(all, res)
	}
	page := lib.Page{TotalResults: len(all)}
	all = all[min(params.StartIndex-1, len(all)):]
	page.Resources = all[:min(params.Count, len(all))]
	return page, nil
}

// Replace is PUT: exactly these have the role.
func (g groups) Replace(r *http.Request, id string, a lib.ResourceAttributes) (lib.Resource, error) {
	role, err := g.role(r, id)
	if err != nil {
		return lib.Resource{}, err
	}
	if name := text(a, "displayName"); name != nil && !strings.EqualFold(*name, id) {
		return lib.Resource{}, errRoles
	}
	members, _ := value(a, "members")
	return g.amend(r, role, staff.RoleChange{Add: membersOf(members), Only: true})
}

// Delete refuses.
func (g groups) Delete(r *http.Request, id string) error {
	if _, err := g.role(r, id); err != nil {
		return err
	}
	return errRoles
}

// Patch puts people in and takes them out, all or none.
func (g groups) Patch(r *http.Request, id string, operations []lib.PatchOperation) (lib.Resource, error) {
	role, err := g.role(r, id)
	if err != nil {
		return lib.Resource{}, err
	}
	// The operations are one after the other: what a later one says counts.
	var c staff.RoleChange
	add := func(ids []postern.StaffID) {
		for _, id := range ids {
			c.Remove = slices.DeleteFunc(c.Remove, func(x postern.StaffID) bool { return x == id })
			c.Add = append(c.Add, id)
		}
	}
	remove := func(ids []postern.StaffID) {
		for _, id := range ids {
			c.Add = slices.DeleteFunc(c.Add, func(x postern.StaffID) bool { return x == id })
			c.Remove = append(c.Remove, id)
		}
	}
	only := func(ids []postern.StaffID) { c = staff.RoleChange{Only: true, Add: ids} }
	for _, o := range operations {
		name := ""
		if o.Path != nil {
			name = strings.ToLower(o.Path.AttributePath.AttributeName)
		}
		switch {
		case name == "members" && o.Op == lib.PatchOperationRemove && o.Path.ValueExpression != nil:
			ids, ok := named(o.Path.ValueExpression)
			if !ok {
				return lib.Resource{}, scimerrors.ScimErrorInvalidPath
			}
			remove(ids)
		case name == "members" && o.Op == lib.PatchOperationRemove && o.Value == nil:
			only(nil)
		case name == "members" && o.Op == lib.PatchOperationRemove:
			remove(membersOf(o.Value))
		case name == "members" && o.Op == lib.PatchOperationAdd:
			add(membersOf(o.Value))
		case name == "members":
			only(membersOf(o.Value))
		case name == "":
			m, _ := o.Value.(map[string]any)
			if d := text(m, "displayName"); d != nil && !strings.EqualFold(*d, id) {
				return lib.Resource{}, errRoles
			}
			if v, ok := value(m, "members"); ok && o.Op == lib.PatchOperationAdd {
				add(membersOf(v))
			} else if ok {
				only(membersOf(v))
			}
		case name == "displayname":
			if s, ok := o.Value.(string); ok && !strings.EqualFold(s, id) {
				return lib.Resource{}, errRoles
			}
		}
	}
	return g.amend(r, role, c)
}

func (g groups) amend(r *http.Request, role staff.Role, c staff.RoleChange) (lib.Resource, error) {
	if err := g.Staff.AmendRole(r.Context(), by(r), role, c); err != nil {
		return lib.Resource{}, g.failed(err)
	}
	return g.get(r, role)
}

// membersOf reads [{"value": id}, …].
func membersOf(v any) (ids []postern.StaffID) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			continue
		}
		if t := text(m, "value"); t != nil {
			ids = append(ids, postern.StaffID(*t))
		}
	}
	return ids
}

// named reads value eq "id", or several with "or" between them.
func named(e filter.Expression) (ids []postern.StaffID, ok bool) {
	switch e := e.(type) {
	case *filter.AttributeExpression:
		v, is := e.CompareValue.(string)
		return []postern.StaffID{postern.StaffID(v)}, is && e.Operator == filter.EQ && strings.EqualFold(e.AttributePath.AttributeName, "value")
	case *filter.LogicalExpression:
		left, okLeft := named(e.Left)
		right, okRight := named(e.Right)
		return append(left, right...), e.Operator == filter.OR && okLeft && okRight
	}
	return nil, false
}
