package desk

import (
	"context"
	"slices"
	"strconv"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/staff"
)

// sees narrows a WHERE of desk_case to what a session sees: the provider's staff
// every case, an outsourcer's those that were given to their organisation. It is
// "" or begins with AND, and its argument is the n-th. Whatever gives a session
// anything of a case goes through here, so that another's case is a case that
// does not exist.
func sees(s staff.Session, n int) (condition string, args []any) {
	if s.OrganisationKind == "provider" {
		return "", nil
	}
	return " AND organisation = ?" + strconv.Itoa(n), []any{string(s.Organisation)}
}

// caseFor gives one case that a session sees.
func caseFor(tx *db.Tx, s staff.Session, where string, args ...any) (Case, error) {
	only, more := sees(s, len(args)+1)
	return oneCase(tx, "("+where+")"+only, append(args, more...)...)
}

// Given says inside the gate's transaction whether a session may ask anything
// for a case: NotFound where the case is another organisation's, as for one that
// does not exist.
func (c *Cases) Given(tx *db.Tx, id postern.CaseID, to staff.Session) error {
	_, err := caseFor(tx, to, "id = ?1", string(id))
	return err
}

// gives says whether a session may give a case to members of an organisation,
// or to the organisation itself: an outsourcer's may give it to one another, and
// back to the provider, who then finds somebody.
func gives(s staff.Session, to staff.Organisation, member bool) bool {
	return s.OrganisationKind == "provider" || to.ID == s.Organisation || !member && to.Kind == "provider"
}

// Receivers are the organisations that a session may give a case to.
func (d *Desk) Receivers(ctx context.Context, by staff.Session) (list []staff.Organisation, err error) {
	all, err := d.staff.Organisations(ctx)
	for _, o := range all {
		if gives(by, o, false) {
			list = append(list, o)
		}
	}
	return list, err
}

// Colleagues are the active agents that a session may give a case to.
func (d *Desk) Colleagues(ctx context.Context, by staff.Session) (list []staff.Member, err error) {
	all, err := d.staff.Members(ctx)
	for _, m := range all {
		if m.Status == "active" && slices.Contains(m.Roles, staff.Agent) && gives(by, staff.Organisation{ID: m.Organisation}, true) {
			list = append(list, m)
		}
	}
	return list, err
}

// OpenCase opens a case in a customer's name, as an agent does on the telephone
// or a ticket system with a token. An outsourcer's is given to their organisation
// at once; the provider's is nobody's yet.
func (d *Desk) OpenCase(ctx context.Context, by staff.Session, n NewCase) (made Case, err error) {
	err = d.db.Update(ctx, func(tx *db.Tx) error {
		s, err := d.staff.Alive(tx, by.ID)
		if err != nil {
			return err
		}
		if !s.Is(staff.Agent) {
			return &postern.Error{Kind: postern.Denied, Key: gate.RefusedNotAgent, Text: "only agents open cases"}
		}
		n.Outsourcer = ""
		if s.OrganisationKind != "provider" {
			n.Outsourcer = s.Organisation
		}
		made, err = d.cases.OpenTx(tx, n)
		return err
	})
	if err != nil {
		return Case{}, err
	}
	return made, nil
}
