package main

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/postern-mail/postern/node"
)

type serveCmd struct {
	Plane  string `arg:"" optional:"" default:"all" enum:"all" help:"What to run: all. (Planes as separate processes come with a later release.)"`
	Config string `help:"The config file." default:"postern.toml" placeholder:"FILE"`
}

func (serveCmd) Help() string {
	return `Example:

  postern serve --config /etc/postern/postern.toml

Runs until SIGTERM or Ctrl-C, then drains. All listeners default to loopback. The keys of the config:

` + node.ConfigReference()
}

func (c *serveCmd) Run(ctx context.Context, o out) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	n, err := node.Listen(ctx, cfg, node.Options{LogTo: o.Stderr})
	if err != nil {
		return err
	}
	for _, a := range n.Addresses() {
		fmt.Fprintf(o.Stderr, "%-10s %s\n", a.Name, a.URL)
	}
	return n.Serve(ctx)
}

type demoCmd struct {
	Dir string `help:"Keep the data here instead of in a temporary directory that is removed." placeholder:"DIR"`
}

func (demoCmd) Help() string {
	return `Example:

  postern demo

Everybody and everything in it is invented; sign-in is one click, which exists nowhere else. Ctrl-C ends it.`
}

func (c *demoCmd) Run(ctx context.Context, o out) error {
	return runDemo(ctx, o, c.Dir)
}

type versionCmd struct{}

func (versionCmd) Run(o out) error {
	version := "development"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		version = info.Main.Version
	}
	_, err := fmt.Fprintln(o.Stdout, "postern", version)
	return err
}
