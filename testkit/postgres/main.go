// Command postgres runs a private PostgreSQL cluster for tests.
//
//	go run ./testkit/postgres run go test ./...   # with POSTERN_TEST_POSTGRES set
//	go run ./testkit/postgres start DIR           # prints the superuser's address
//	go run ./testkit/postgres stop DIR
//
// What it keeps: the cluster in one directory (a temporary one for run), with a
// Unix socket in it and no TCP port.
//
// Trust: whoever can reach the socket is superuser of the cluster; the
// directory is the server's user's alone. As root, the server runs as the user
// "postgres" or "nobody", because it refuses to run as root.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "postgres:", err)
	}
	os.Exit(code)
}

func run(args []string) (int, error) {
	switch {
	case len(args) == 2 && args[0] == "start":
		c, err := create(args[1])
		if err != nil {
			return 2, err
		}
		if err := c.start(); err != nil {
			return 2, err
		}
		fmt.Println(c.address())
		return 0, nil
	case len(args) == 2 && args[0] == "stop":
		c, err := create(args[1])
		if err != nil {
			return 2, err
		}
		if err := c.stop(); err != nil {
			return 2, err
		}
		return 0, nil
	case len(args) >= 2 && args[0] == "run":
		return runWith(args[1:])
	}
	return 2, errors.New("usage: postgres run COMMAND… | start DIR | stop DIR")
}

// runWith gives a command a cluster of its own and ends with its exit status.
func runWith(command []string) (code int, err error) {
	dir, err := os.MkdirTemp("", "postern-pg-")
	if err != nil {
		return 2, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c, err := create(filepath.Join(dir, "cluster"))
	if err != nil {
		return 2, err
	}
	if err := os.Chmod(dir, 0o711); err != nil { // the server's user must get through
		return 2, err
	}
	if err := c.start(); err != nil {
		return 2, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	// The command gets the terminal's signals itself; stay until it is gone.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "POSTERN_TEST_POSTGRES="+c.address())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return 2, err
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s)
		case <-done:
		}
	}()
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	if err != nil {
		return 2, err
	}
	return 0, nil
}
