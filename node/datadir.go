package node

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/postern-mail/postern"
)

// lockDir takes the data directory for this process. Two processes on one
// directory would both believe they are the ledger's only sequencer.
func lockDir(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("couldn't make the data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("couldn't open the data directory's lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("couldn't lock the data directory: %w", err)
		}
		who, _ := io.ReadAll(io.LimitReader(f, 20))
		return nil, &postern.Error{Kind: postern.Conflict, Text: fmt.Sprintf("another Postern (process %s) is using %s: stop it first, or name another directory", strings.TrimSpace(string(who)), dir)}
	}
	// The kernel drops the lock with the process; the number is for people.
	_ = f.Truncate(0)
	_, _ = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return func() { f.Close() }, nil
}
