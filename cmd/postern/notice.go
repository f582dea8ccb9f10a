package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/node"
)

type noticeCmd struct {
	Status   noticeStatusCmd   `cmd:"" help:"How far the notices of an incident came: written, sent, read."`
	Check    noticeCheckCmd    `cmd:"" help:"Say whether a code on a notice to an address is ours."`
	Followup noticeFollowupCmd `cmd:"" help:"List whom the notices have not reached, for letters and calls (CSV)."`
}

func (noticeCmd) Help() string {
	return `Example:

  postern notice status 7
  postern notice check ana@outlook.example 4F7K
  postern notice followup 7 --days 7 > letters.csv

Notices are drafted, approved by a second person and sent in Response, or by the API: whoever can run this command is no second person.`
}

type noticeStatusCmd struct {
	configFlag
	Incident int64 `arg:"" help:"The incident's number."`
}

func (c *noticeStatusCmd) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	var s node.NoticesOut
	if err := node.Call(ctx, cfg, "notice.status", node.NoticesIn{Incident: c.Incident}, &s, nil); err != nil {
		return err
	}
	return o.print(c.JSON, s, func(w io.Writer) {
		fmt.Fprintf(w, "version %d is %s", s.Version, s.State)
		switch {
		case s.State == "drafting":
			fmt.Fprintf(w, ": %d of %d accounts written", s.Looked, s.Affected)
		case s.Pause == "look":
			fmt.Fprint(w, ": the first stage is out; look at it, then go on in Response")
		case !s.Until.IsZero():
			fmt.Fprintf(w, ": nothing can be delivered; tried again at %s", s.Until.UTC().Format(time.RFC3339))
		}
		fmt.Fprintf(w, "\nto send %d, sent %d, failed %d\nread %d, unread %d\n", s.Due, s.Sent, s.Failed, s.Read, s.Unread)
		for _, state := range []string{"called", "written", "reached", "unreachable"} {
			if n := s.Followed[state]; n > 0 {
				fmt.Fprintf(w, "%s %d\n", state, n)
			}
		}
	})
}

type noticeCheckCmd struct {
	configFlag
	Address string `arg:"" help:"The person's mail address."`
	Code    string `arg:"" help:"The code that they read out."`
}

func (c *noticeCheckCmd) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	var a node.CodeOut
	if err := node.Call(ctx, cfg, "notice.check", node.CodeIn{Address: c.Address, Code: c.Code}, &a, nil); err != nil {
		return err
	}
	err = o.print(c.JSON, a, func(w io.Writer) {
		if a.Genuine {
			fmt.Fprintf(w, "genuine: version %d (%s), sent %s\n", a.Version, a.Kind, a.Sent.UTC().Format(time.RFC3339))
		}
	})
	if err == nil && !a.Genuine {
		err = &postern.Error{Kind: postern.NotFound, Text: "no such notice: this code does not belong to a notice to this address"}
	}
	return err
}

type noticeFollowupCmd struct {
	configFlag
	Incident int64  `arg:"" help:"The incident's number."`
	Days     int    `help:"Unread for so many days." default:"7"`
	State    string `help:"Only these: open (nobody has tried), called, written, reached, unreachable." enum:",open,called,written,reached,unreachable" default:""`
}

func (c *noticeFollowupCmd) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	var file string
	if err := node.Call(ctx, cfg, "notice.followup", node.NoticesIn{Incident: c.Incident, Days: c.Days, State: c.State}, &file, nil); err != nil {
		return err
	}
	return o.print(c.JSON, file, func(w io.Writer) { fmt.Fprint(w, file) })
}
