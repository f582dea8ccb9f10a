package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/postern-mail/postern/node/demo"
)

func runDemo(ctx context.Context, o out, dir string) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "postern-demo-"); err != nil {
			return fmt.Errorf("couldn't make a directory for the demo: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	n, err := demo.Open(ctx, demo.Options{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	demo.Story(o.Stdout, n, filepath.Join(dir, "postern.toml"))
	return n.Serve(ctx)
}
