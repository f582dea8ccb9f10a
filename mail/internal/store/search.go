package store

import (
	"context"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/mail/internal/query"
)

// statement is an SQL condition that is being put together.
type statement struct {
	engine db.Engine
	acc    []byte
	number int64 // the account's, the high half of its rowids in SQLite
	now    time.Time
	where  []string
	args   []any
}

func mark(n int) string { return "?" + strconv.Itoa(n) }

// arg adds an argument and gives its mark.
func (st *statement) arg(v any) string {
	st.args = append(st.args, v)
	return mark(len(st.args))
}

func (st *statement) and(condition string) { st.where = append(st.where, condition) }

// query adds the terms. Words that must all be there are one question to the
// index.
func (st *statement) query(q query.Query) {
	var words []textTerm
	for _, t := range q.Terms {
		if text, ok := textOf(t); ok && !t.Not {
			words = append(words, text)
			continue
		}
		st.and(st.term(t))
	}
	if len(words) > 0 {
		st.and(st.match(words...))
	}
}

// term writes one condition.
func (st *statement) term(t query.Term) string {
	c := st.plainTerm(t)
	if t.Not {
		c = "NOT (" + c + ")"
	}
	return c
}

func (st *statement) plainTerm(t query.Term) string {
	if t.Or != nil {
		var any []string
		for _, o := range t.Or {
			any = append(any, st.term(o))
		}
		return "(" + strings.Join(any, " OR ") + ")"
	}
	if text, ok := textOf(t); ok {
		return st.match(text)
	}
	switch t.Field {
	case "is":
		return map[string]string{
			"unread": "p.flags & 1 = 0", "read": "p.flags & 1 <> 0", "answered": "p.flags & 2 <> 0",
			"starred": "p.flags & 4 <> 0", "draft": "p.flags & 16 <> 0", "guarded": "m.bits & 1 <> 0",
		}[t.Text]
	case "has":
		return "m.bits & 2 <> 0"
	case "id":
		return "m.mid = " + st.arg(messageIDDigest(t.Text)) + " AND m.mid IS NOT NULL"
	case "before":
		return "p.received < " + st.arg(t.Number)
	case "after":
		return "p.received >= " + st.arg(t.Number)
	case "older":
		return "p.received < " + st.arg(millis(st.now)-t.Number)
	case "newer":
		return "p.received >= " + st.arg(millis(st.now)-t.Number)
	case "larger":
		return "p.size > " + st.arg(t.Number)
	case "smaller":
		return "p.size < " + st.arg(t.Number)
	}
	return "1 = 0"
}

// textTerm is words in a row, in one field or any.
type textTerm struct {
	field  string // "", "subject", "from", "to", "body"
	words  string
	prefix bool
}

func textOf(t query.Term) (textTerm, bool) {
	switch t.Field {
	case "", "from", "to", "subject", "body":
		return textTerm{t.Field, t.Text, t.Prefix}, t.Or == nil
	}
	return textTerm{}, false
}

// match asks the engine's index for messages with all of the terms.
func (st *statement) match(terms ...textTerm) string {
	var parts []string
	if st.engine == db.PostgreSQL {
		for _, t := range terms {
			parts = append(parts, t.tsquery())
		}
		return "m.search @@ CAST(CAST(" + st.arg(query.AccountWord(st.acc)+" & "+strings.Join(parts, " & ")) + " AS text) AS tsquery)"
	}
	for _, t := range terms {
		parts = append(parts, t.fts())
	}
	match := st.arg(strings.Join(parts, " AND "))
	// An account's rowids are one range, and a posting list is in order of
	// rowid: other accounts' messages are not even read over.
	return "p.num IN (SELECT rowid FROM mail_fts WHERE mail_fts MATCH " + match +
		" AND rowid BETWEEN " + st.arg(st.number<<32) + " AND " + st.arg(st.number<<32|(1<<32-1)) + ")"
}

// fts writes FTS5's syntax; words are letters and digits and need no escape.
func (t textTerm) fts() string {
	s := `"` + t.words + `"`
	if t.prefix {
		s += " *"
	}
	switch t.field {
	case "subject", "body":
		return "{" + t.field + "} : " + s
	case "from":
		return "{sender} : " + s
	case "to":
		return "{recipients} : " + s
	}
	return s
}

// tsquery writes PostgreSQL's syntax for the same.
func (t textTerm) tsquery() string {
	weight := map[string]string{"subject": "A", "from": "B", "to": "C", "body": "D"}[t.field]
	words := strings.Fields(t.words)
	for i, w := range words {
		suffix := weight
		if t.prefix && i == len(words)-1 {
			suffix = "*" + weight
		}
		words[i] = "'" + w + "'"
		if suffix != "" {
			words[i] += ":" + suffix
		}
	}
	return "(" + strings.Join(words, " <-> ") + ")"
}

// search is a question for messages of an account, newest first.
type search struct {
	mailbox      postern.MailboxID
	query        query.Query
	since, until time.Time
	before       string
	limit        int
}

// Page gives a page of a mailbox or a search, newest first, with Summary; next
// is "" at the end.
func (s *Store) Page(ctx context.Context, id postern.AccountID, f Filter) (items []Item, next string, err error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	return s.search(ctx, id, Summary, search{mailbox: f.Mailbox, query: query.Parse(f.Query), before: f.Before, limit: min(limit, 200)})
}

// maxFound bounds what one Scope reaches (postern.Scope).
const maxFound = 100

// Find gives the messages of a scope, newest first, at most 100, each once.
func (s *Store) Find(ctx context.Context, id postern.AccountID, scope postern.Scope) ([]postern.MessageID, error) {
	limit := scope.Limit
	if limit <= 0 || limit > maxFound {
		limit = maxFound
	}
	if len(scope.Messages) > 0 {
		return s.existing(ctx, id, scope.Messages[:min(len(scope.Messages), limit)])
	}
	q := search{since: scope.Since, until: scope.Until, limit: limit}
	switch {
	case scope.Mailbox != "":
		m, err := s.MailboxByName(ctx, id, scope.Mailbox)
		if err != nil {
			return nil, err
		}
		q.mailbox = m.ID
	case strings.TrimSpace(scope.Query) != "":
		query, err := scopeQuery(scope.Query)
		if err != nil {
			return nil, err
		}
		q.query = query
	default:
		return nil, invalid("mail.scope-empty", "the scope names no message, mailbox or search")
	}
	var ids []postern.MessageID
	for {
		items, next, err := s.search(ctx, id, Identity, q)
		if err != nil {
			return nil, err
		}
		for i := range items {
			if !slices.Contains(ids, items[i].ID) && len(ids) < limit {
				ids = append(ids, items[i].ID)
			}
		}
		if next == "" || len(ids) >= limit {
			return ids, nil
		}
		q.before = next
	}
}

// scopeQuery reads the search of a scope, which may be asked for before anybody
// agreed to anything. How many messages a search finds is an answer by itself,
// so it may name who, which and when, never words of a subject or a text. A
// bare address or Message-ID is what it looks like.
func scopeQuery(s string) (query.Query, error) {
	s = strings.TrimSpace(s)
	if !strings.ContainsAny(s, " :\"") || strings.HasPrefix(s, "<") {
		switch {
		case strings.HasPrefix(s, "<"):
			s = "id:" + s
		case strings.ContainsAny(s, "@."):
			s = "from:" + s
		}
	}
	q := query.Parse(s)
	q.Anywhere = true // what is looked for may lie in Junk
	ok := len(q.Terms) > 0 && len(q.In) == 0
	for _, t := range q.Terms {
		ok = ok && namesSomeone(t)
	}
	if !ok {
		return query.Query{}, invalid("mail.scope-words", "name a sender, a recipient, a Message-ID or dates, such as from:bank.example or id:<x@y>; words of the text are not searched for others")
	}
	return q, nil
}

// names says whether a term is about who, which or when.
func namesSomeone(t query.Term) bool {
	switch t.Field {
	case "from", "to", "id", "before", "after", "older", "newer":
		return true
	}
	return t.Or != nil && !slices.ContainsFunc(t.Or, func(o query.Term) bool { return !namesSomeone(o) })
}

// existing gives those of the messages that the account has, newest first.
func (s *Store) existing(ctx context.Context, id postern.AccountID, messages []postern.MessageID) ([]postern.MessageID, error) {
	acc, err := key(id)
	if err != nil {
		return nil, err
	}
	var ids []postern.MessageID
	args, marks := db.Args(acc), []string{}
	for _, m := range messages {
		k, err := key(m)
		if err != nil {
			continue
		}
		args = append(args, k)
		marks = append(marks, mark(len(args)))
	}
	if len(marks) == 0 {
		return nil, nil
	}
	err = s.db.View(ctx, func(tx *db.Tx) error {
		return tx.Rows("SELECT id FROM mail_message WHERE account = ?1 AND id IN ("+strings.Join(marks, ", ")+") ORDER BY received DESC, id DESC", args, func(row db.Scanner) error {
			var k []byte
			err := row.Scan(&k)
			ids = append(ids, postern.MessageID(hex.EncodeToString(k)))
			return err
		})
	})
	return ids, err
}

func (s *Store) search(ctx context.Context, id postern.AccountID, need Need, q search) (items []Item, next string, err error) {
	acc, err := key(id)
	if err != nil {
		return nil, "", err
	}
	err = s.db.View(ctx, func(tx *db.Tx) error {
		st := statement{engine: tx.Engine(), acc: acc, now: s.now(), args: db.Args(acc), where: []string{"p.account = ?1"}}
		if err := st.scope(tx); err != nil {
			return err
		}
		if err := st.mailboxes(tx, q); err != nil {
			return err
		}
		st.query(q.query)
		if !q.since.IsZero() {
			st.and("p.received >= " + st.arg(millis(q.since)))
		}
		if !q.until.IsZero() {
			st.and("p.received < " + st.arg(millis(q.until)))
		}
		if q.before != "" {
			if err := st.after(q.before); err != nil {
				return err
			}
		}
		where := strings.Join(st.where, " AND ") + " ORDER BY p.received DESC, p.mailbox DESC, p.uid DESC LIMIT " + st.arg(q.limit+1)
		items, err = collect(tx, need|Identity, s.columns(need|Identity, true)+" WHERE "+where, st.args)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(items) > q.limit {
		items = items[:q.limit]
		next = cursorOf(&items[q.limit-1])
	}
	return items, next, nil
}

// scope reads the account's number.
func (st *statement) scope(tx *db.Tx) error {
	err := tx.Row("SELECT number FROM mail_state WHERE account = ?1", db.Args(st.acc), &st.number)
	if isNone(err) {
		return nil // no mail yet: nothing is found
	}
	return err
}

// mailboxes narrows to where is searched.
func (st *statement) mailboxes(tx *db.Tx, q search) error {
	if q.mailbox != "" {
		m, err := mailboxOf(tx, st.acc, q.mailbox)
		if err != nil {
			return err
		}
		mb, err := key(m.ID)
		st.and("p.mailbox = " + st.arg(mb))
		return err
	}
	if q.query.Anywhere {
		return nil
	}
	list, err := mailboxes(tx, st.acc)
	if err != nil {
		return err
	}
	var marks []string
	for _, m := range list {
		wanted := m.Role != RoleJunk && m.Role != RoleTrash
		if len(q.query.In) > 0 {
			wanted = slices.ContainsFunc(q.query.In, func(in string) bool {
				return in == strings.ToLower(m.Name) || m.Role != "" && in == m.Role
			})
		}
		if mb, err := key(m.ID); err == nil && wanted {
			marks = append(marks, st.arg(mb))
		}
	}
	if len(marks) == 0 {
		st.and("1 = 0")
		return nil
	}
	st.and("p.mailbox IN (" + strings.Join(marks, ", ") + ")")
	return nil
}

// A cursor is where a page ended: milliseconds, mailbox, UID.
func cursorOf(it *Item) string {
	return strconv.FormatInt(millis(it.Internal), 10) + "." + string(it.Mailbox) + "." + strconv.FormatUint(uint64(it.UID), 10)
}

func (st *statement) after(cursor string) error {
	parts := strings.Split(cursor, ".")
	bad := invalid("mail.cursor", "the place to go on from cannot be read: start from the first page")
	if len(parts) != 3 {
		return bad
	}
	at, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return bad
	}
	mb, err := key(postern.MailboxID(parts[1]))
	if err != nil {
		return bad
	}
	uid, err := strconv.ParseUint(parts[2], 10, 32)
	if err != nil {
		return bad
	}
	st.and("(p.received, p.mailbox, p.uid) < (" + st.arg(at) + ", " + st.arg(mb) + ", " + st.arg(int64(uid)) + ")")
	return nil
}
