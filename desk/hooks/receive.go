package hooks

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/staff"
)

// largest is the longest body that an inbound hook may have.
const largest = 256 << 10

// answer is what an inbound hook is told.
type answer struct {
	Case   int64          `json:"case,omitempty"`
	ID     postern.CaseID `json:"id,omitempty"`
	Status string         `json:"status,omitempty"`
	Error  string         `json:"error,omitempty"`
	Text   string         `json:"text,omitempty"`
}

// Handler serves POST /hooks/in/{id}.
func (h *Hooks) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hooks/in/{id}", func(rw http.ResponseWriter, r *http.Request) {
		out, err := h.receive(r)
		status := http.StatusOK
		if err != nil {
			out = answer{Error: postern.KeyOf(err), Text: err.Error()}
			switch postern.KindOf(err) {
			case postern.Denied:
				status = http.StatusUnauthorized
			case postern.NotFound:
				status = http.StatusNotFound
			case postern.Invalid:
				status = http.StatusUnprocessableEntity
			case postern.Conflict, postern.Withheld:
				status = http.StatusConflict
			default:
				h.Log.Error("an inbound hook failed", "error", err)
				status, out = http.StatusInternalServerError, answer{Error: "other", Text: "something went wrong here: try again"}
			}
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(status)
		_ = json.NewEncoder(rw).Encode(out)
	})
	return mux
}

func (h *Hooks) receive(r *http.Request) (out answer, err error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, largest+1))
	if err != nil || len(body) > largest {
		return out, invalid("desk.invalid.hook-body", "the body is longer than 256 KiB, or broke off")
	}
	ctx := r.Context()
	var k Hook
	err = h.DB.View(ctx, func(tx *db.Tx) error {
		k, err = hook(tx, r.PathValue("id"))
		return err
	})
	if postern.KindOf(err) == postern.NotFound {
		return out, errSignature // whether there is such a hook is nobody's business
	}
	if err != nil {
		return out, err
	}
	delivery, err := k.verify(r.Header, body, h.Now())
	if err != nil {
		return out, err
	}
	a, ok, err := k.parse(body)
	if err != nil {
		return out, err
	}
	if !ok {
		return answer{Status: "ignored"}, nil
	}
	if a.External == "" || len(a.External) > 100 {
		return out, invalid("desk.invalid.hook-external", "name the ticket in \"external\", in at most 100 letters")
	}
	var customer Customer
	if a.Type == "case.open" {
		if customer, err = h.customer(ctx, a.Address); err != nil {
			return out, err
		}
	}
	of, err := h.organisation(ctx, k.Organisation)
	if err != nil {
		return out, err
	}
	err = h.DB.Update(ctx, func(tx *db.Tx) error {
		// The same delivery may come twice at once: the second waits here.
		if err := tx.Lock("desk hook " + k.ID); err != nil {
			return err
		}
		var before string
		err := tx.Row("SELECT answer FROM hook_received WHERE hook = ?1 AND delivery = ?2", db.Args(k.ID, delivery), &before)
		if err == nil {
			return json.Unmarshal([]byte(before), &out)
		}
		if !isNone(err) {
			return err
		}
		if out, err = h.act(tx, k, of, a, customer); err != nil {
			return err
		}
		text, err := json.Marshal(out)
		if err != nil {
			return err
		}
		return tx.ExecOne("INSERT INTO hook_received (hook, delivery, at, answer) VALUES (?1, ?2, ?3, ?4)", k.ID, delivery, h.Now().UnixMilli(), string(text))
	})
	return out, err
}

func (h *Hooks) customer(ctx context.Context, address string) (Customer, error) {
	address = strings.ToLower(strings.TrimSpace(address))
	if address == "" || len(address) > 320 {
		return Customer{}, invalid("desk.invalid.hook-address", "name the account in \"address\"")
	}
	return h.Find(ctx, address)
}

// organisation gives the one that a hook is of.
func (h *Hooks) organisation(ctx context.Context, id postern.OrganisationID) (staff.Organisation, error) {
	all, err := h.Staff.Organisations(ctx)
	if err != nil {
		return staff.Organisation{}, err
	}
	for _, o := range all {
		if o.ID == id {
			return o, nil
		}
	}
	return staff.Organisation{}, errSignature // its organisation is gone, and it with that
}

// act does what a hook asks for, as the hook.
func (h *Hooks) act(tx *db.Tx, k Hook, of staff.Organisation, a act, c Customer) (answer, error) {
	by := desk.Author{Name: k.Label, Staff: desk.OfHook}
	found, err := h.Cases.ByTicket(tx, k.ID, of, a.External)
	if a.Type == "case.open" {
		if err == nil { // the ticket has its case already
			return answer{Case: found.Number, ID: found.ID, Status: found.Status}, nil
		}
		if postern.KindOf(err) != postern.NotFound {
			return answer{}, err
		}
		p, _ := desk.PriorityNamed(a.Priority) // unknown: normal
		outsourcer := of.ID
		if of.Kind == "provider" {
			outsourcer = ""
		}
		made, err := h.Cases.OpenTx(tx, desk.NewCase{Outsourcer: outsourcer, Account: c.Account, Address: strings.ToLower(strings.TrimSpace(a.Address)), Name: c.Name, Locale: c.Locale,
			Subject: a.Subject, Text: a.Text, External: a.External, Hook: k.ID, Priority: p})
		return answer{Case: made.Number, ID: made.ID, Status: made.Status}, err
	}
	if err != nil {
		return answer{}, err
	}
	switch a.Type {
	case "case.reply":
		err = h.Desk.ReplyTx(tx, found, by, a.Text)
		found.Status = desk.StatusWaiting
	case "case.note":
		err = h.Desk.NoteTx(tx, found, by, a.Text)
	case "case.close":
		if found.Status == desk.StatusClosed {
			break // it is what it should be
		}
		err = h.Desk.CloseTx(tx, found, by)
		found.Status = desk.StatusClosed
	default:
		err = invalid("desk.invalid.hook-type", "the type is case.open, case.reply, case.note or case.close")
	}
	return answer{Case: found.Number, ID: found.ID, Status: found.Status}, err
}
