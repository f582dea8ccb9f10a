package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/verify"
)

// Window is what a statement is about: disclosures of Tier or deeper from From
// until, and not at, Until; both in whole milliseconds.
type Window struct {
	From, Until time.Time
	Tier        postern.Tier
}

// Statement is the signed answer to "did anybody look?".
type Statement struct {
	File     []byte // for `postern verify non-access`
	Finding  string // verify.FindingNone, FindingAccessed or FindingErased
	Count    int
	Number   string // the account's in the ledger
	Window   Window
	Issued   time.Time
	Erased   time.Time // when the account was, or zero
	From, To int64     // the log's places that the window stands for, To exclusive
	Accesses []postern.DisclosureID
	Checked  verify.Report // what a stranger finds who believes the suggested policy
}

// Number gives an account's number in the ledger, 32 hexadecimal digits. The
// first call for an account makes it.
func (l *Ledger) Number(ctx context.Context, account postern.AccountID) (number string, err error) {
	k, err := l.secretFor(ctx, account)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(k.pseudonym[:]), nil
}

func (l *Ledger) secretFor(ctx context.Context, account postern.AccountID) (k *secret, err error) {
	// Most are known, and a reader need not wait for the one writer.
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		if err := l.secrets.current(tx, l.Now()); err != nil {
			return err
		}
		l.secrets.mu.RLock()
		k = l.secrets.known[account]
		l.secrets.mu.RUnlock()
		return nil
	})
	if k != nil || err != nil {
		return k, err
	}
	err = l.DB.Update(ctx, func(tx *db.Tx) error {
		k, err = l.secretOf(tx, account)
		return err
	})
	return k, err
}

// Provable gives the widest window that can be proved now. NotFound while there
// is none.
func (l *Ledger) Provable(ctx context.Context) (from, until time.Time, err error) {
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		c, _, err := l.current(tx)
		if err != nil {
			return noWindow()
		}
		e, err := publicEpoch(tx, c)
		if err != nil {
			return err
		}
		var first, last int64
		if l.policy.Quorum() {
			err = tx.Row(`SELECT (SELECT COALESCE(MIN(first_at), 0) FROM ledger_public), (SELECT COALESCE(MAX(last_at), 0) FROM ledger_public WHERE size <= ?1)`, db.Args(int64(e.Covered)+1), &first, &last)
		} else if err = tx.Row(`SELECT at FROM ledger_checkpoint ORDER BY size LIMIT 1`, nil, &first); err == nil {
			// The newest checkpoint that the map reaches was the newest until the next came.
			last = l.Now().UnixMilli()
			if err = tx.Row(`SELECT at FROM ledger_checkpoint WHERE size > ?1 ORDER BY size LIMIT 1`, db.Args(int64(e.Covered)+1), &last); errors.Is(err, db.ErrNoRows) {
				err = nil
			}
			last--
		}
		if err != nil {
			return err
		}
		from, until = time.UnixMilli(first).UTC(), time.UnixMilli(last).Add(-verify.MergeDelay).UTC()
		if !from.Before(until) {
			return noWindow()
		}
		return nil
	})
	return from, until, err
}

func noWindow() error {
	return &postern.Error{Kind: postern.NotFound, Key: "statement.too-young", Text: "nothing can be proved yet: a window can be once it lies an hour back"}
}

// publicEpoch gives the newest epoch under a checkpoint.
func publicEpoch(tx *db.Tx, c verify.Checkpoint) (e verify.EpochLeaf, err error) {
	var leaf []byte
	err = tx.Row(`SELECT l.data FROM ledger_epoch e JOIN ledger_leaf l ON l.idx = e.idx WHERE e.idx < ?1 ORDER BY e.idx DESC LIMIT 1`, db.Args(c.Size), &leaf)
	if errors.Is(err, db.ErrNoRows) {
		return e, noWindow()
	}
	if err != nil {
		return e, err
	}
	parsed, err := verify.ParseLeaf(leaf)
	e, ok := parsed.(verify.EpochLeaf)
	if err != nil || !ok {
		return e, altered("an epoch's leaf is none: %w", err)
	}
	return e, nil
}

// Statement proves for an account that no disclosure was made in the window, or
// shows exactly which were. Name is the address it is made for. Every file is
// checked as a stranger would check it before it is given out. Errors have keys
// that begin with "statement." where another window would do.
func (l *Ledger) Statement(ctx context.Context, account postern.AccountID, name string, w Window) (Statement, error) {
	w.From, w.Until = w.From.Truncate(time.Millisecond).UTC(), w.Until.Truncate(time.Millisecond).UTC()
	if err := w.check(); err != nil {
		return Statement{}, err
	}
	k, err := l.secretFor(ctx, account)
	if errors.Is(err, errErased) {
		at, _, err := l.Erased(ctx, account)
		if err != nil {
			return Statement{}, err
		}
		return l.erasedStatement(at, w)
	}
	if err != nil {
		return Statement{}, err
	}
	var p *proving
	for again := 0; ; again++ {
		p = &proving{l: l, k: k, w: w}
		err = l.DB.View(ctx, p.make)
		if !errors.Is(err, errMapBehind) || again == 3 {
			break
		}
		if err := l.catchUp(ctx); err != nil {
			return Statement{}, err
		}
	}
	if err != nil {
		return Statement{}, err
	}
	s, err := p.finish(name)
	if err != nil {
		return Statement{}, fmt.Errorf("couldn't make the statement: %w", err)
	}
	return s, nil
}

func (w Window) check() error {
	switch months := verify.Months(uint64(max(0, w.From.UnixMilli())), uint64(max(0, w.Until.UnixMilli()))); {
	case !w.From.Before(w.Until) || w.From.UnixMilli() < 0 || len(months) == 0:
		return &postern.Error{Kind: postern.Invalid, Key: "statement.window", Text: "a window ends after it begins"}
	case len(months) > verify.MaxMonths:
		return &postern.Error{Kind: postern.Invalid, Key: "statement.too-long", Text: fmt.Sprintf("a window has at most %d months", verify.MaxMonths)}
	case w.Tier < postern.TierAccount || w.Tier > postern.TierAttachment:
		return &postern.Error{Kind: postern.Invalid, Key: "statement.tier", Text: "there is no such tier"}
	}
	return nil
}

// catchUp has the chain follow the tables, on a node that does not sequence.
func (l *Ledger) catchUp(ctx context.Context) error {
	l.sequencing.Lock()
	defer l.sequencing.Unlock()
	return l.DB.View(ctx, func(tx *db.Tx) error {
		l.maps.Lock()
		defer l.maps.Unlock()
		if l.chain == nil {
			l.chain = newChain()
		}
		err := l.chain.follow(tx)
		if err != nil {
			l.chain = nil
			return err
		}
		clear(l.chain.changed)
		return nil
	})
}

// errMapBehind says that this process' map has not the epoch that is public.
var errMapBehind = &postern.Error{Kind: postern.Unavailable, Key: "ledger.proof.soon", Text: "the map is being read: ask again in a moment"}
