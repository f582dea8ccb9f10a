package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/ledger/verify"
)

// Erase destroys the account's secret in the caller's transaction (GDPR Art. 17):
// one row, without which its records can't be read, its commitments not opened,
// and nobody, the holder of the VRF key included, can say which leaves were its
// own. Tags, commitments and leaves stay, and the log replays as before. It can't
// be undone; a second call changes nothing. From then on nothing of the account
// can be disclosed.
func (l *Ledger) Erase(tx *db.Tx, account postern.AccountID) error {
	if _, err := idOf(string(account)); err != nil || account == "" {
		return &postern.Error{Kind: postern.Invalid, Text: "to erase needs an account"}
	}
	// The secret is overwritten before its row goes, for the copy in the page.
	if _, err := tx.Exec(`UPDATE ledger_account_secret SET wrapped = ?2 WHERE account_id = ?1`, string(account), make([]byte, 60)); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM ledger_account_secret WHERE account_id = ?1`, string(account)); err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO ledger_erased (account_id, at) VALUES (?1, ?2) ON CONFLICT (account_id) DO NOTHING`, string(account), l.Now().UnixMilli()); err != nil {
		return err
	}
	tx.AfterCommit(func() { l.secrets.forget() })
	return nil
}

// Erased says whether an account was erased, and when.
func (l *Ledger) Erased(ctx context.Context, account postern.AccountID) (at time.Time, ok bool, err error) {
	err = l.DB.View(ctx, func(tx *db.Tx) error {
		at, ok, err = erased(tx, account)
		return err
	})
	return at, ok, err
}

func erased(tx *db.Tx, account postern.AccountID) (time.Time, bool, error) {
	var ms int64
	err := tx.Row(`SELECT at FROM ledger_erased WHERE account_id = ?1`, db.Args(string(account)), &ms)
	if errors.Is(err, db.ErrNoRows) {
		return time.Time{}, false, nil
	}
	return time.UnixMilli(ms).UTC(), err == nil, err
}

var errErased = &postern.Error{Kind: postern.NotFound, Key: "ledger.erased", Text: "this account was erased: nothing of it can be disclosed, opened or proved any more"}

// erasedStatement is the answer for who was erased: when, and the provider's word.
func (l *Ledger) erasedStatement(at time.Time, w Window) (Statement, error) {
	issued := l.Now().Truncate(time.Millisecond).UTC()
	s := verify.Statement{Log: l.Origin, From: uint64(w.From.UnixMilli()), Until: uint64(w.Until.UnixMilli()), Tier: uint8(w.Tier),
		Finding: verify.FindingErased, Issued: uint64(issued.UnixMilli()), Erased: uint64(at.UnixMilli())}
	file, err := l.signText(s.Text())
	if err != nil {
		return Statement{}, err
	}
	return Statement{File: file, Finding: verify.FindingErased, Window: w, Issued: issued, Erased: at, Checked: verify.CheckStatementFile(file, l.policy)}, nil
}

// forget drops every secret from memory, so that none outlives its row.
func (s *secrets) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.known)
	clear(s.whose)
}

// current drops the secrets in memory when another node has erased one since
// they were read: looked up at most once a second.
func (s *secrets) current(tx *db.Tx, now time.Time) error {
	s.mu.RLock()
	recent := !s.looked.IsZero() && now.Sub(s.looked) < time.Second && !now.Before(s.looked)
	s.mu.RUnlock()
	if recent {
		return nil
	}
	var n int64
	if err := tx.Row(`SELECT COUNT(*) FROM ledger_erased`, nil, &n); err != nil {
		return err
	}
	s.mu.Lock()
	changed := n != s.erased
	s.erased, s.looked = n, now
	s.mu.Unlock()
	if changed {
		s.forget()
	}
	return nil
}
