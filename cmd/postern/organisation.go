package main

import (
	"context"
	"fmt"
	"io"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/node"
)

type staffOrganisationCmd struct {
	Add staffOrganisation    `cmd:"" default:"withargs" help:"Add an organisation."`
	Set staffOrganisationSet `cmd:"" help:"Change what an organisation keeps its members to."`
}

type staffOrganisationSet struct {
	configFlag
	ID          string    `arg:"" help:"The organisation's short word."`
	Name        *string   `help:"Its name, as customers will read it."`
	Domains     *[]string `help:"Where its members' logins that are addresses must lie."`
	Networks    *[]string `help:"Where its members work, like 203.0.113.0/24."`
	Hours       *string   `help:"When they work, like 'Mon-Fri 08:00-18:00 Europe/Paris'; '' is always."`
	MaxMembers  *int      `help:"The most active members; 0 is any number."`
	Device      *string   `help:"'required' ties each session to a key in the browser; '' does so where the browser can."`
	PasskeyOnly *bool     `help:"No passwords." negatable:""`
}

func (staffOrganisationSet) Help() string {
	return "Example:\n\n  postern staff organisation set helpline --hours 'Mon-Fri 08:00-18:00 Europe/Paris' --device required\n\nWhat is not named stays. It counts at once, for sessions that are open too."
}

func (c *staffOrganisationSet) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	in := node.LimitsIn{ID: postern.OrganisationID(c.ID), Name: c.Name, Domains: c.Domains, Networks: c.Networks, Hours: c.Hours, MaxMembers: c.MaxMembers,
		Device: c.Device, PasskeyOnly: c.PasskeyOnly}
	if err := node.Call(ctx, cfg, "staff.organisation.set", in, nil, nil); err != nil {
		return err
	}
	return o.print(c.JSON, in, func(w io.Writer) { fmt.Fprintf(w, "changed %s\n", c.ID) })
}
