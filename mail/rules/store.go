package rules

import (
	"context"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/account"
	"github.com/postern-mail/postern/db"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Parts is what Rules is made of.
type Parts struct {
	DB       *db.Handle // the mail plane's
	Accounts *account.Accounts
	// Tell tells a customer, durably, that their mail is about to go to new
	// addresses. No rule with a new one is kept before it returns nil.
	Tell func(ctx context.Context, to account.Account, addresses []string) error
	Now  func() time.Time
}

// Rules keeps them. It is safe for concurrent use.
type Rules struct{ Parts }

// Open makes the table where it is missing.
func Open(ctx context.Context, p Parts) (*Rules, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := p.DB.Migrate(ctx, "mail/rules", files); err != nil {
		return nil, err
	}
	return &Rules{p}, nil
}

func key(id string) ([]byte, error) {
	k, err := hex.DecodeString(id)
	if err != nil || len(k) != 16 {
		return nil, &postern.Error{Kind: postern.NotFound, Key: "rules.unknown", Text: "there is no such rule"}
	}
	return k, nil
}

// Of gives an account's rules in their order.
func (r *Rules) Of(ctx context.Context, id postern.AccountID) (list []Rule, err error) {
	acc, err := key(string(id))
	if err != nil {
		return nil, err
	}
	err = r.DB.View(ctx, func(tx *db.Tx) (err error) {
		list, err = of(tx, acc)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the rules: %w", err)
	}
	return list, nil
}

func of(tx *db.Tx, acc []byte) (list []Rule, err error) {
	err = tx.Rows("SELECT id, active, body FROM mail_rule WHERE account = ?1 ORDER BY place, id", db.Args(acc), func(row db.Scanner) error {
		var id []byte
		var active int64
		var body string
		if err := row.Scan(&id, &active, &body); err != nil {
			return err
		}
		one := Rule{ID: hex.EncodeToString(id), Active: active != 0}
		if err := json.Unmarshal([]byte(body), &one); err != nil {
			return fmt.Errorf("a stored rule cannot be read: %w", err)
		}
		list = append(list, one)
		return nil
	})
	return list, err
}

// Proof is who wants a rule: the password is needed, and looked at, only where
// mail would go to an address that no rule of the account names yet.
type Proof struct {
	Password string
	From     account.From
}

// KeyPassword is the refusal of a new forwarding address without the password.
const KeyPassword = "rules.refused.password"

// NewTargets lists the addresses of a rule that no active rule of the account
// forwards to.
func NewTargets(list []Rule, one Rule) (addresses []string) {
	for _, to := range one.Forwards() {
		known := slices.ContainsFunc(list, func(r Rule) bool { return r.Active && slices.Contains(r.Forwards(), to) })
		if !known && !slices.Contains(addresses, to) {
			addresses = append(addresses, to)
		}
	}
	return addresses
}

// Add keeps a rule at the end of an account's list, active.
func (r *Rules) Add(ctx context.Context, of account.Account, one Rule, proof Proof) (Rule, error) {
	one, err := one.clean()
	if err != nil {
		return one, err
	}
	one.ID, one.Active = postern.NewID(), true
	acc, id, body, err := one.row(of.ID)
	if err != nil {
		return one, err
	}
	return one, r.allow(ctx, of, one, proof, func(tx *db.Tx, list []Rule) error {
		if len(list) >= MaxRules {
			return &postern.Error{Kind: postern.Conflict, Key: "rules.refused.full", Text: "there are 100 rules already: take one away first"}
		}
		place := int64(0)
		if err := tx.Row("SELECT COALESCE(max(place), 0) + 1 FROM mail_rule WHERE account = ?1", db.Args(acc), &place); err != nil {
			return err
		}
		return tx.ExecOne("INSERT INTO mail_rule (account, id, place, active, made, body) VALUES (?1, ?2, ?3, 1, ?4, ?5)", acc, id, place, r.Now().UnixMilli(), body)
	})
}

func (one Rule) row(of postern.AccountID) (acc, id []byte, body string, err error) {
	if acc, err = key(string(of)); err != nil {
		return
	}
	if id, err = key(one.ID); err != nil {
		return
	}
	text, err := json.Marshal(one)
	return acc, id, string(text), err
}

// allow keeps a rule that is to be active: first the password where there are
// new addresses, then the notice, then the row, which is written only if the
// new addresses are still those that were told.
func (r *Rules) allow(ctx context.Context, of account.Account, one Rule, proof Proof, write func(*db.Tx, []Rule) error) error {
	if slices.Contains(one.Forwards(), of.Address) {
		return invalid("rules.invalid.own", "mail cannot be forwarded to the account itself")
	}
	list, err := r.Of(ctx, of.ID)
	if err != nil {
		return err
	}
	if fresh := NewTargets(list, one); len(fresh) > 0 {
		targets := map[string]bool{}
		for _, other := range append(list, one) {
			for _, to := range other.Forwards() {
				targets[to] = true
			}
		}
		if len(targets) > MaxForwards {
			return &postern.Error{Kind: postern.Conflict, Key: "rules.refused.forwards", Text: "mail can be forwarded to 5 addresses"}
		}
		if _, err := r.Accounts.SignIn(ctx, of.Address, proof.Password, proof.From); err != nil {
			if postern.KindOf(err) != postern.Denied || postern.KeyOf(err) == account.KeyThrottled {
				return err
			}
			return &postern.Error{Kind: postern.Denied, Key: KeyPassword, Text: "a new address to forward to needs the account's password", Err: err}
		}
		if err := r.Tell(ctx, of, fresh); err != nil {
			return fmt.Errorf("couldn't tell the customer of a new forwarding, so it is not kept: %w", err)
		}
	}
	return r.change(ctx, of.ID, func(tx *db.Tx, now []Rule) error {
		if len(NewTargets(now, one)) > len(NewTargets(list, one)) {
			return &postern.Error{Kind: postern.Conflict, Key: "rules.refused.changed", Text: "the rules have changed meanwhile: try again"}
		}
		return write(tx, now)
	})
}

// change runs write with the rules as they stand, alone for this account.
func (r *Rules) change(ctx context.Context, owner postern.AccountID, write func(*db.Tx, []Rule) error) error {
	acc, err := key(string(owner))
	if err != nil {
		return err
	}
	return r.DB.Update(ctx, func(tx *db.Tx) error {
		if err := tx.Lock("mail rules " + string(owner)); err != nil {
			return err
		}
		list, err := of(tx, acc)
		if err != nil {
			return err
		}
		return write(tx, list)
	})
}

// Turn switches a rule on or off. On is held to what Add is held to.
func (r *Rules) Turn(ctx context.Context, of account.Account, id string, on bool, proof Proof) error {
	list, err := r.Of(ctx, of.ID)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(list, func(o Rule) bool { return o.ID == id })
	if at < 0 {
		return &postern.Error{Kind: postern.NotFound, Key: "rules.unknown", Text: "there is no such rule"}
	}
	acc, k, _, err := list[at].row(of.ID)
	if err != nil {
		return err
	}
	set := func(tx *db.Tx, _ []Rule) error {
		return tx.ExecOne("UPDATE mail_rule SET active = ?3 WHERE account = ?1 AND id = ?2", acc, k, map[bool]int64{true: 1}[on])
	}
	if !on {
		return r.change(ctx, of.ID, set)
	}
	return r.allow(ctx, of, list[at], proof, set)
}

// Remove takes a rule away.
func (r *Rules) Remove(ctx context.Context, of postern.AccountID, id string) error {
	acc, err := key(string(of))
	if err != nil {
		return err
	}
	k, err := key(id)
	if err != nil {
		return err
	}
	return r.change(ctx, of, func(tx *db.Tx, _ []Rule) error {
		_, err := tx.Exec("DELETE FROM mail_rule WHERE account = ?1 AND id = ?2", acc, k)
		return err
	})
}

// Move puts a rule one place up or down.
func (r *Rules) Move(ctx context.Context, of postern.AccountID, id string, up bool) error {
	acc, err := key(string(of))
	if err != nil {
		return err
	}
	return r.change(ctx, of, func(tx *db.Tx, list []Rule) error {
		at := slices.IndexFunc(list, func(o Rule) bool { return o.ID == id })
		to := at + 1
		if up {
			to = at - 1
		}
		if at < 0 || to < 0 || to >= len(list) {
			return nil
		}
		list[at], list[to] = list[to], list[at]
		for place, one := range list {
			k, err := key(one.ID)
			if err != nil {
				return err
			}
			if err := tx.ExecOne("UPDATE mail_rule SET place = ?3 WHERE account = ?1 AND id = ?2", acc, k, int64(place+1)); err != nil {
				return err
			}
		}
		return nil
	})
}
