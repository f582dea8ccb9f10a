package desk

import (
	"context"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Letter is a reply on its way into the customer's mailbox.
type Letter struct {
	ID      string   // the mail's Message-ID is made of it: 32 hexadecimal digits
	Before  []string // the IDs of the case's earlier letters, the oldest first
	Account postern.AccountID
	Number  int64
	Locale  string
	Subject string
	By      string
	Text    string
	At      time.Time
}

// Mailer puts letters into mailboxes; node plugs the mail plane in. It must be
// idempotent by the letter's ID: a letter is handed to it again when the process
// ended between its delivery and the note of it. NotFound: there is no such
// mailbox, and never will be.
type Mailer interface {
	Reply(ctx context.Context, l Letter) error
}

// reply writes to the customer, in the product and, through the outbox, as mail.
func (c *Cases) reply(tx *db.Tx, k Case, by Author, words string, now time.Time) error {
	words, ok := text(words, maxText)
	switch {
	case !ok:
		return invalid("desk.invalid.text", "write at most 20,000 letters")
	case k.Status == StatusClosed:
		return errClosed
	}
	if err := post(tx, k.ID, Post{At: now, By: by.Name, Staff: by.Staff, Kind: KindReply, Text: words}); err != nil {
		return err
	}
	if err := tx.ExecOne("INSERT INTO desk_letter (id, case_id, staff_name, text, made, sent, given_up, tries, next) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0, ?5)",
		postern.NewID(), string(k.ID), by.Name, words, millis(now)); err != nil {
		return err
	}
	err := runClock(tx, k.ID, now, func(k *Case) {
		k.Status = StatusWaiting
		if k.Replied.IsZero() {
			k.Replied = now
		}
	})
	if err != nil {
		return err
	}
	k.Status = StatusWaiting
	return c.tell(tx, Event{Kind: Replied, Case: k, At: now, By: by})
}

func (c *Cases) note(tx *db.Tx, k Case, by Author, words string, now time.Time) error {
	words, ok := text(words, maxText)
	if !ok {
		return invalid("desk.invalid.text", "write at most 20,000 letters")
	}
	if err := post(tx, k.ID, Post{At: now, By: by.Name, Staff: by.Staff, Kind: KindNote, Text: words}); err != nil {
		return err
	}
	return c.tell(tx, Event{Kind: Noted, Case: k, At: now, By: by})
}

const (
	lettersAtOnce = 50
	letterTick    = time.Second
	longestWait   = time.Hour
)

// Deliver hands the letters that are due to the mailer and gives how many went.
func (d *Desk) Deliver(ctx context.Context) (sent int, err error) {
	if d.post == nil {
		return 0, nil
	}
	var due []Letter
	tries := map[string]int{}
	err = d.db.View(ctx, func(tx *db.Tx) error {
		cases := map[string]string{}
		err := tx.Rows(`SELECT l.id, l.case_id, l.staff_name, l.text, l.made, l.tries, c.account, c.number, c.locale, c.subject FROM desk_letter l JOIN desk_case c ON c.id = l.case_id
			WHERE l.sent = 0 AND l.given_up = 0 AND l.next <= ?1 ORDER BY l.next, l.n LIMIT ?2`, db.Args(millis(d.now()), int64(lettersAtOnce)), func(row db.Scanner) error {
			var l Letter
			var of string
			var made int64
			var n int
			err := row.Scan(&l.ID, &of, &l.By, &l.Text, &made, &n, &l.Account, &l.Number, &l.Locale, &l.Subject)
			l.At, cases[l.ID], tries[l.ID] = moment(made), of, n
			due = append(due, l)
			return err
		})
		for i := 0; err == nil && i < len(due); i++ {
			err = tx.Rows("SELECT id FROM desk_letter WHERE case_id = ?1 AND n < (SELECT n FROM desk_letter WHERE id = ?2) ORDER BY n LIMIT 20", db.Args(cases[due[i].ID], due[i].ID), func(row db.Scanner) error {
				var id string
				err := row.Scan(&id)
				due[i].Before = append(due[i].Before, id)
				return err
			})
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, l := range due {
		err := d.post.Reply(ctx, l)
		if ctx.Err() != nil {
			return sent, ctx.Err()
		}
		done := "UPDATE desk_letter SET sent = ?2, text = '' WHERE id = ?1"
		at := d.now()
		switch {
		case err == nil:
			sent++
		case postern.KindOf(err) == postern.NotFound:
			done = "UPDATE desk_letter SET given_up = ?2, text = '' WHERE id = ?1"
		default:
			d.log.Warn("couldn't deliver a reply", "letter", l.ID, "error", err)
			done = "UPDATE desk_letter SET tries = tries + 1, next = ?2 WHERE id = ?1"
			at = at.Add(min(longestWait, time.Second<<min(tries[l.ID], 12)))
		}
		if err := d.db.Update(ctx, func(tx *db.Tx) error { return tx.ExecOne(done, l.ID, millis(at)) }); err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// Run delivers letters until ctx ends; one process of all does.
func (d *Desk) Run(ctx context.Context) error {
	return d.db.Lead(ctx, "desk letters", func(ctx context.Context) error {
		tick := time.NewTicker(letterTick)
		defer tick.Stop()
		for {
			if _, err := d.Deliver(ctx); err != nil && ctx.Err() == nil {
				d.log.Error("couldn't deliver replies", "error", err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
}

// Mail gives the subject and the text of a letter's mail, in its language. It
// says where to answer and has no link that carries a secret.
func (l Letter) Mail(help string) (subject, text string) {
	words := strings.NewReplacer("{number}", number(l.Number), "{subject}", l.Subject, "{by}", l.By, "{help}", help)
	if l.Locale == "fr" {
		return words.Replace("Dossier {number} : {subject}"), l.Text + words.Replace("\n\n{by}\n\n-- \nDossier {number}. Pour répondre, ouvrez votre messagerie et allez dans Aide, ou :\n{help}\nUne réponse à ce message ne serait pas lue. Nous ne demandons jamais votre mot de passe.\n")
	}
	return words.Replace("Case {number}: {subject}"), l.Text + words.Replace("\n\n{by}\n\n-- \nCase {number}. To answer, open your mailbox and go to Help, or:\n{help}\nAn answer to this message would not be read. We never ask for your password.\n")
}
