package store

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/mail/internal/codec"
	"github.com/postern-mail/postern/message"
)

const (
	// maxParents bounds how many ancestors of a message are looked up: the
	// nearest ones.
	maxParents = 20
	// subjectAge bounds how old a thread may be that a reply joins by its
	// subject alone.
	subjectAge = 60 * 24 * time.Hour
)

// lineage is what says to which thread a message belongs: digests of its
// Message-ID, of those it answers, nearest first, and of its subject.
type lineage struct {
	own     []byte // nil without Message-ID
	parents [][]byte
	subject []byte // nil without words
	reply   bool   // the subject says so
}

func lineageOf(e *message.Envelope) lineage {
	var l lineage
	if e.MessageID != "" {
		l.own = messageIDDigest(e.MessageID)
	}
	add := func(id string) {
		if id == "" || len(l.parents) >= maxParents {
			return
		}
		d := messageIDDigest(id)
		if !bytes.Equal(d, l.own) && !slices.ContainsFunc(l.parents, func(p []byte) bool { return bytes.Equal(p, d) }) {
			l.parents = append(l.parents, d)
		}
	}
	add(e.InReplyTo)
	for _, id := range slices.Backward(e.References) {
		add(id)
	}
	base, reply := codec.BaseSubject(e.Subject)
	if base != "" {
		l.subject, l.reply = digest("subject", base), reply
	}
	return l
}

func messageIDDigest(id string) []byte {
	return digest("message-id", strings.Trim(id, "<> "))
}

// thread finds the message's thread, or starts one, and writes down what later
// messages will be found by. A parent that comes after its reply joins it.
func (l *lineage) thread(tx *db.Tx, acc []byte, at time.Time) ([]byte, error) {
	refs := l.parents
	if l.own != nil {
		refs = append([][]byte{l.own}, refs...)
	}
	wanted := refs
	if l.subject != nil && l.reply {
		wanted = append(slices.Clip(refs), l.subject)
	}
	thread, err := l.known(tx, acc, wanted, at)
	if err != nil {
		return nil, err
	}
	if thread == nil {
		thread = newKey()
	}
	if len(refs) > 0 {
		// One statement for each number of rows: at most maxParents + 1 texts.
		args := db.Args(acc, thread, millis(at))
		rows := make([]string, len(refs))
		for i, ref := range refs {
			args = append(args, ref)
			rows[i] = "(?1, ?" + strconv.Itoa(i+4) + ", ?2, ?3)"
		}
		if _, err := tx.Exec("INSERT INTO mail_thread (account, ref, thread, at) VALUES "+strings.Join(rows, ", ")+" ON CONFLICT (account, ref) DO NOTHING", args...); err != nil {
			return nil, err
		}
	}
	if l.subject != nil {
		if _, err := tx.Exec("INSERT INTO mail_thread (account, ref, thread, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (account, ref) DO UPDATE SET thread = ?3, at = ?4",
			acc, l.subject, thread, millis(at)); err != nil {
			return nil, err
		}
	}
	return thread, nil
}

// known gives the thread of the first of refs that has one, nil when none has.
func (l *lineage) known(tx *db.Tx, acc []byte, refs [][]byte, at time.Time) ([]byte, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	args, marks := db.Args(acc), make([]string, len(refs))
	for i, ref := range refs {
		args = append(args, ref)
		marks[i] = "?" + strconv.Itoa(i+2)
	}
	best, thread := len(refs), []byte(nil)
	err := tx.Rows("SELECT ref, thread, at FROM mail_thread WHERE account = ?1 AND ref IN ("+strings.Join(marks, ", ")+")", args, func(row db.Scanner) error {
		var ref, t []byte
		var when int64
		if err := row.Scan(&ref, &t, &when); err != nil {
			return err
		}
		i := slices.IndexFunc(refs, func(r []byte) bool { return bytes.Equal(r, ref) })
		if bytes.Equal(ref, l.subject) && at.Sub(fromMillis(when)).Abs() > subjectAge {
			return nil
		}
		if i >= 0 && i < best {
			best, thread = i, t
		}
		return nil
	})
	return thread, err
}
