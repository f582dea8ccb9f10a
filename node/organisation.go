package node

import (
	"context"
	"net/netip"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/staff"
)

// LimitsIn changes what an organisation keeps its members to; what is nil
// stays as it is.
type LimitsIn struct {
	ID          postern.OrganisationID `json:"id"`
	Name        *string                `json:"name,omitempty"`
	Domains     *[]string              `json:"domains,omitempty"`
	Networks    *[]string              `json:"networks,omitempty"`
	Hours       *string                `json:"hours,omitempty"`
	MaxMembers  *int                   `json:"max_members,omitempty"`
	Device      *string                `json:"device,omitempty"`
	PasskeyOnly *bool                  `json:"passkey_only,omitempty"`
}

func setOrganisation(ctx context.Context, n *Node, in LimitsIn, _ report) (LimitsIn, error) {
	o, err := n.Staff.Organisation(ctx, in.ID)
	if err != nil {
		return in, err
	}
	if in.Name != nil {
		o.Name = *in.Name
	}
	if in.Domains != nil {
		o.Domains = *in.Domains
	}
	if in.Networks != nil {
		o.Networks = nil
		for _, text := range *in.Networks {
			p, err := netip.ParsePrefix(text)
			if err != nil {
				return in, &postern.Error{Kind: postern.Invalid, Key: "staff.invalid.network-range", Text: "a network is written like 203.0.113.0/24", Err: err}
			}
			o.Networks = append(o.Networks, p)
		}
	}
	if in.Hours != nil {
		if o.Hours, err = staff.ParseHours(*in.Hours); err != nil {
			return in, err
		}
	}
	if in.MaxMembers != nil {
		o.MaxMembers = *in.MaxMembers
	}
	if in.Device != nil {
		o.Device = *in.Device
	}
	if in.PasskeyOnly != nil {
		o.PasskeyOnly = *in.PasskeyOnly
	}
	return in, n.Staff.UpdateOrganisation(ctx, o)
}
