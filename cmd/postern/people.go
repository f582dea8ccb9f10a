package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/node"
)

type accountCmd struct {
	Add      accountAdd      `cmd:"" help:"Add an account; its password is asked for."`
	List     accountList     `cmd:"" help:"List the accounts."`
	Erase    accountErase    `cmd:"" help:"Erase a person, after a time in which it can be taken back."`
	Erasures accountErasures `cmd:"" help:"List who is to be erased."`
	Freeze   accountFreeze   `cmd:"" help:"Stop all sign-ins to an account; its mail is still taken."`
}

type accountAdd struct {
	configFlag
	Address  string `arg:"" help:"The mail address."`
	Name     string `help:"The person's name." default:""`
	Language string `help:"fr or en." default:"en" enum:"fr,en"`
}

func (accountAdd) Help() string {
	return "Example:\n\n  postern account add ana@example.org --name 'Ana Moreau' --language fr"
}

func (c *accountAdd) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	secret, err := password(o, "Password for "+c.Address+": ")
	if err != nil {
		return err
	}
	var a node.AccountOut
	if err := node.Call(ctx, cfg, "account.add", node.AccountIn{Address: c.Address, Name: c.Name, Locale: c.Language, Password: secret}, &a, nil); err != nil {
		return err
	}
	return o.print(c.JSON, a, func(w io.Writer) { fmt.Fprintf(w, "added %s\n", a.Address) })
}

type accountList struct{ configFlag }

func (c *accountList) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	var list []node.AccountOut
	if err := node.Call(ctx, cfg, "account.list", struct{}{}, &list, nil); err != nil {
		return err
	}
	return o.print(c.JSON, list, func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "ADDRESS\tNAME\tLANGUAGE\tSTATUS\tID")
		for _, a := range list {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", a.Address, a.Name, a.Locale, a.Status, a.ID)
		}
		t.Flush()
	})
}

type accountFreeze struct {
	configFlag
	Address string `arg:"" help:"The mail address."`
	Undo    bool   `help:"Let sign-ins in again."`
}

func (c *accountFreeze) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	var a node.AccountOut
	if err := node.Call(ctx, cfg, "account.freeze", node.FreezeIn{Address: c.Address, Frozen: !c.Undo}, &a, nil); err != nil {
		return err
	}
	return o.print(c.JSON, a, func(w io.Writer) { fmt.Fprintf(w, "%s is %s\n", a.Address, a.Status) })
}

type staffCmd struct {
	Organisation staffOrganisationCmd `cmd:"" help:"Add an organisation, the provider or an outsourcer, or change its limits."`
	Add          staffAdd             `cmd:"" help:"Add a member of staff."`
	Password     staffPassword        `cmd:"" help:"Give a member a password and a one-time code as fallback for a passkey."`
	List         staffList            `cmd:"" help:"List staff, with their credentials."`
	Token        staffToken           `cmd:"" help:"Make, list and end API tokens."`
}

type staffOrganisation struct {
	configFlag
	ID   string `arg:"" help:"A short word, like helpline."`
	Name string `required:"" help:"Its name, as customers will read it."`
	Kind string `help:"provider or outsourcer." enum:"provider,outsourcer" default:"outsourcer"`
}

func (c *staffOrganisation) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	in := node.OrganisationIn{ID: postern.OrganisationID(c.ID), Name: c.Name, Kind: c.Kind}
	if err := node.Call(ctx, cfg, "staff.organisation", in, nil, nil); err != nil {
		return err
	}
	return o.print(c.JSON, in, func(w io.Writer) { fmt.Fprintf(w, "added %s\n", c.Name) })
}

type staffAdd struct {
	configFlag
	Login        string   `arg:"" help:"What the member signs in as, like a work address."`
	Name         string   `required:"" help:"The name that customers see under Who looked."`
	Organisation string   `help:"Who employs them." default:"provider"`
	Role         []string `required:"" enum:"agent,approver,responder,auditor,admin" help:"One or more of agent, approver, responder, auditor, admin."`
	Language     string   `help:"fr or en." default:"en" enum:"fr,en"`
}

func (staffAdd) Help() string {
	return "Example:\n\n  postern staff add nadia@example.org --name 'Nadia Benali' --role agent\n\nPrints a link with which the member registers a passkey, once, within a day."
}

func (c *staffAdd) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	var s node.StaffOut
	in := node.StaffIn{Login: c.Login, Name: c.Name, Locale: c.Language, Organisation: postern.OrganisationID(c.Organisation), Roles: c.Role}
	if err := node.Call(ctx, cfg, "staff.add", in, &s, nil); err != nil {
		return err
	}
	return o.print(c.JSON, s, func(w io.Writer) { fmt.Fprintf(w, "added %s; they register a passkey at\n%s\n", s.Login, s.Invite) })
}

type staffPassword struct {
	configFlag
	Login string `arg:"" help:"The member."`
}

func (c *staffPassword) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	secret, err := password(o, "Password for "+c.Login+": ")
	if err != nil {
		return err
	}
	var s node.StaffOut
	if err := node.Call(ctx, cfg, "staff.password", node.StaffIn{Login: c.Login, Password: secret}, &s, nil); err != nil {
		return err
	}
	return o.print(c.JSON, s, func(w io.Writer) {
		fmt.Fprintf(w, "set; for the one-time codes, the member adds this to an authenticator app, once:\n%s\n", s.OTP)
	})
}

type staffList struct{ configFlag }

func (c *staffList) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	var list []node.StaffOut
	if err := node.Call(ctx, cfg, "staff.list", struct{}{}, &list, nil); err != nil {
		return err
	}
	return o.print(c.JSON, list, func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "LOGIN\tNAME\tORGANISATION\tROLES\tCREDENTIALS")
		for _, s := range list {
			var creds []string
			for _, cr := range s.Credentials {
				text := cr.Kind + " " + string(cr.ID)
				if cr.Ended {
					text += " (ended)"
				}
				creds = append(creds, text)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", s.Login, s.Name, s.Organisation, strings.Join(s.Roles, ","), strings.Join(creds, ", "))
		}
		t.Flush()
	})
}

// password asks twice on a terminal, and reads a line elsewhere.
func password(o out, prompt string) (string, error) {
	if f, ok := o.Stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(o.Stderr, prompt)
		first, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprint(o.Stderr, "\nOnce more: ")
		again, err2 := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(o.Stderr)
		if err := errors.Join(err, err2); err != nil {
			return "", fmt.Errorf("couldn't read the password: %w", err)
		}
		if string(first) != string(again) {
			return "", &postern.Error{Kind: postern.Invalid, Text: "the two passwords differ: nothing was changed"}
		}
		return string(first), nil
	}
	line, err := bufio.NewReader(io.LimitReader(o.Stdin, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("couldn't read the password: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", &postern.Error{Kind: postern.Invalid, Text: "there is no password on standard input"}
	}
	return line, nil
}
