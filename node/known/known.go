// Package known tells detection what the feeds do not say: what a member has to
// do with a case, what an account is to a member, which messages reset
// passwords.
//
// It keeps nothing but, for a minute, which accounts the configured addresses
// are.
//
// Trust: it sees customers' and members' names to compare them, and gives
// truths alone: no name or address leaves it.
package known

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/response/detect"
	"github.com/postern-mail/postern/response/sigma"
	"github.com/postern-mail/postern/staff"
)

// Parts are the rooms that are asked.
type Parts struct {
	Accounts *account.Accounts
	Staff    *staff.Directory
	Cases    *desk.Cases
	Guarded  func(context.Context, postern.AccountID, []postern.MessageID) ([]postern.MessageID, error)
	// Honey and VIP are addresses.
	Honey, VIP []string
}

// Facts answers. It is safe for concurrent use.
type Facts struct {
	Parts

	mu         sync.Mutex
	at         time.Time
	honey, vip map[postern.AccountID]bool
}

// New gives the facts.
func New(p Parts) *Facts { return &Facts{Parts: p} }

// Case says what a member has to do with a case.
func (f *Facts) Case(ctx context.Context, id postern.CaseID, by postern.StaffID) (detect.Case, error) {
	w, err := f.Cases.Work(ctx, id, by)
	return detect.Case{Opened: w.Opened, Own: w.Own, Worked: w.Worked}, err
}

// About says what an account is to a member.
func (f *Facts) About(ctx context.Context, id postern.AccountID, by postern.StaffID) (about detect.About, err error) {
	if err := f.look(ctx); err != nil {
		return about, err
	}
	f.mu.Lock()
	about.Honey, about.VIP = f.honey[id], f.vip[id]
	f.mu.Unlock()
	a, err := f.Accounts.ByID(ctx, id)
	if err != nil {
		return about, err
	}
	// A member's login may be the address of an account here.
	switch _, err := f.Staff.ByLogin(ctx, a.Address); {
	case err == nil:
		about.Colleague = true
	case postern.KindOf(err) != postern.NotFound:
		return about, err
	}
	if by == "" {
		return about, nil
	}
	m, err := f.Staff.ByID(ctx, by)
	if err != nil && postern.KindOf(err) != postern.NotFound {
		return about, err
	}
	about.Namesake = err == nil && familyName(a.Name) != "" && familyName(a.Name) == familyName(m.Name)
	return about, nil
}

// familyName is the last word of a name, which it mostly is.
func familyName(name string) string {
	words := strings.Fields(strings.ToLower(name))
	if len(words) < 2 || len([]rune(words[len(words)-1])) < 3 {
		return ""
	}
	return words[len(words)-1]
}

// look finds the accounts of the configured addresses, again each minute: one
// may be made later.
func (f *Facts) look(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.honey != nil && time.Since(f.at) < time.Minute {
		return nil
	}
	find := func(addresses []string) (map[postern.AccountID]bool, error) {
		found := map[postern.AccountID]bool{}
		for _, address := range addresses {
			a, err := f.Accounts.ByAddress(ctx, address)
			if postern.KindOf(err) == postern.NotFound {
				continue
			}
			if err != nil {
				return nil, err
			}
			found[a.ID] = true
		}
		return found, nil
	}
	honey, err := find(f.Honey)
	if err != nil {
		return err
	}
	vip, err := find(f.VIP)
	if err != nil {
		return err
	}
	f.honey, f.vip, f.at = honey, vip, time.Now()
	return nil
}

// Guarded gives those among these messages that reset passwords or carry codes.
func (f *Facts) Guarded(ctx context.Context, id postern.AccountID, messages []postern.MessageID) ([]postern.MessageID, error) {
	return f.Parts.Guarded(ctx, id, messages)
}

// Rules reads a folder of rules; "" is none.
func Rules(folder string) (docs []sigma.Document, err error) {
	if folder == "" {
		return nil, nil
	}
	names, err := filepath.Glob(filepath.Join(folder, "*.y*ml"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, &postern.Error{Kind: postern.Invalid, Text: fmt.Sprintf("detect: rules: there is no *.yml in %s", folder)}
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("couldn't read a rule: %w", err)
		}
		more, err := sigma.Parse(filepath.Base(name), text)
		if err != nil {
			return nil, &postern.Error{Kind: postern.Invalid, Text: "detect: rules: " + err.Error(), Err: err}
		}
		docs = append(docs, more...)
	}
	return docs, nil
}
