package incident

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/response/refuse"
	"github.com/postern-mail/postern/staff"
)

// The states of a task.
const (
	TaskNotStarted = "not-started"
	TaskLookedAt   = "looked-at"
	TaskDone       = "done"
	TaskNotNeeded  = "not-needed"
)

// TaskStates lists them in the order a form offers them.
var TaskStates = [...]string{TaskNotStarted, TaskLookedAt, TaskDone, TaskNotNeeded}

// Task is one thing to do, a verb. The planned ones have a Name, which the
// pages translate; a responder's own have a Text.
type Task struct {
	Number int64
	Name   string // "contain", … or ""
	Text   string
	State  string
	Holder string // who changed the state last
	At     time.Time
}

// planned are the tasks of every incident, in the order in which a tired person
// should do them: stop it, be sure it stopped, know, tell, learn.
var planned = [...]string{"contain", "call", "other-ways", "scope", "authority", "notices", "restore", "learn"}

// PlannedTasks gives the names of the tasks that every incident starts with.
func PlannedTasks() []string { return slices.Clone(planned[:]) }

func (b *Book) plan(tx *db.Tx, id postern.IncidentID, now time.Time) error {
	for i, name := range planned {
		if err := tx.ExecOne("INSERT INTO response_task (incident, number, name, text, state, holder, at) VALUES (?1, ?2, ?3, '', ?4, '', ?5)",
			id, i+1, name, TaskNotStarted, db.Millis(now)); err != nil {
			return err
		}
	}
	return nil
}

// Tasks gives an incident's tasks in their order.
func (b *Book) Tasks(ctx context.Context, id postern.IncidentID) (tasks []Task, err error) {
	err = b.db.View(ctx, func(tx *db.Tx) error {
		tasks = nil
		return tx.Rows("SELECT number, name, text, state, holder, at FROM response_task WHERE incident = ?1 ORDER BY number", db.Args(id), func(row db.Scanner) error {
			var t Task
			var at int64
			err := row.Scan(&t.Number, &t.Name, &t.Text, &t.State, &t.Holder, &at)
			t.At = db.Moment(at)
			tasks = append(tasks, t)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the tasks: %w", err)
	}
	return tasks, nil
}

// AddTask adds one of the responders' own.
func (b *Book) AddTask(ctx context.Context, by staff.Session, id postern.IncidentID, text string) error {
	return b.Change(ctx, by, id, text, func(tx *db.Tx, _ Incident, text string) error {
		if err := tx.Lock("response incident"); err != nil {
			return err
		}
		var n int64
		if err := tx.Row("SELECT COALESCE(max(number), 0) + 1 FROM response_task WHERE incident = ?1", db.Args(id), &n); err != nil {
			return err
		}
		if err := tx.ExecOne("INSERT INTO response_task (incident, number, name, text, state, holder, at) VALUES (?1, ?2, '', ?3, ?4, ?5, ?6)",
			id, n, text, TaskNotStarted, by.Name, db.Millis(b.now())); err != nil {
			return err
		}
		return b.Write(tx, id, by, Line{Kind: LineTask, Facts: map[string]string{"text": text, "state": TaskNotStarted}})
	})
}

// SetTask moves a task to a state. It holds who did so.
func (b *Book) SetTask(ctx context.Context, by staff.Session, id postern.IncidentID, number int64, state string) error {
	if !slices.Contains(TaskStates[:], state) {
		return refuse.Invalid("response.invalid.task", "a task is \"not-started\", \"looked-at\", \"done\" or \"not-needed\"")
	}
	return b.Change(ctx, by, id, "-", func(tx *db.Tx, _ Incident, _ string) error {
		var t Task
		if err := tx.Row("SELECT name, text, state FROM response_task WHERE incident = ?1 AND number = ?2", db.Args(id, number), &t.Name, &t.Text, &t.State); err != nil {
			return refuse.Missing(err, "response.unknown.task", "there is no task "+strconv.FormatInt(number, 10))
		}
		if t.State == state {
			return nil
		}
		return b.setTask(tx, id, by, number, t, state)
	})
}

func (b *Book) setTask(tx *db.Tx, id postern.IncidentID, by staff.Session, number int64, t Task, state string) error {
	if err := tx.ExecOne("UPDATE response_task SET state = ?3, holder = ?4, at = ?5 WHERE incident = ?1 AND number = ?2",
		id, number, state, by.Name, db.Millis(b.now())); err != nil {
		return err
	}
	return b.Write(tx, id, by, Line{Kind: LineTask, Facts: map[string]string{"task": t.Name, "text": t.Text, "state": state}})
}

// Done ticks off a planned task that the work itself has shown to be done; what
// a responder has already set stays.
func (b *Book) Done(tx *db.Tx, id postern.IncidentID, by staff.Session, name string) error {
	_, err := tx.Exec("UPDATE response_task SET state = 'done', holder = ?3, at = ?4 WHERE incident = ?1 AND name = ?2 AND state IN ('not-started', 'looked-at')",
		id, name, by.Name, db.Millis(b.now()))
	return err
}
