package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// cluster is one data directory with its socket.
type cluster struct {
	dir string              // absolute; "data", "socket" and "log" lie in it
	bin string              // where initdb and pg_ctl are
	as  *syscall.Credential // nil: the caller's own user
}

func create(dir string) (*cluster, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir}
	if c.bin, err = binaries(); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		if c.as, err = unprivileged(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// binaries finds the newest server that is installed: Debian keeps each
// version's programs out of the path.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	version := func(file string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(file))))
		return n
	}
	if len(found) > 0 {
		newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
		return filepath.Dir(newest), nil
	}
	if file, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(file), nil
	}
	return "", errors.New("PostgreSQL's server is not installed: on Debian, apt-get install postgresql")
}

func unprivileged() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
}

// start makes the cluster on its first call and waits until it answers.
func (c *cluster) start() error {
	for _, sub := range []string{c.dir, c.path("data"), c.path("socket")} {
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return err
		}
		if c.as != nil {
			if err := os.Chown(sub, int(c.as.Uid), int(c.as.Gid)); err != nil {
				return err
			}
		}
	}
	if _, err := os.Stat(c.path("data/PG_VERSION")); errors.Is(err, os.ErrNotExist) {
		if err := c.command("initdb", "--pgdata", c.path("data"), "--username", "postgres",
			"--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8"); err != nil {
			return err
		}
	}
	options := fmt.Sprintf("-k %s -c listen_addresses='' -c max_connections=400", c.path("socket"))
	return c.command("pg_ctl", "start", "--wait", "--silent", "--pgdata", c.path("data"), "--log", c.path("log"), "--options", options)
}

func (c *cluster) stop() error {
	return c.command("pg_ctl", "stop", "--wait", "--silent", "--mode", "fast", "--pgdata", c.path("data"))
}

// address is the superuser's.
func (c *cluster) address() string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres",
		RawQuery: url.Values{"host": {c.path("socket")}}.Encode()}
	return u.String()
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

func (c *cluster) command(program string, args ...string) error {
	cmd := exec.Command(filepath.Join(c.bin, program), args...)
	cmd.Dir = c.dir // initdb wants a directory its user may stand in
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.as, Setpgid: true}
	// A file, not a pipe: the server keeps it open after pg_ctl has ended.
	out, err := os.CreateTemp("", "postern-pg-out-")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(out.Name())
		return fmt.Errorf("%s: %w\n%s", program, err, strings.TrimSpace(string(said)))
	}
	return nil
}
