package hooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
)

// said is an event as a program reads it. There is no field for what was
// written in the case.
type said struct {
	Type      desk.Happening `json:"type"`
	Timestamp time.Time      `json:"timestamp"`
	Data      saidData       `json:"data"`
}

type saidData struct {
	Case     int64                  `json:"case"`
	ID       postern.CaseID         `json:"id"`
	Status   string                 `json:"status"`
	Priority string                 `json:"priority"`
	External string                 `json:"external,omitempty"`
	For      postern.OrganisationID `json:"organisation,omitempty"`
	Assignee string                 `json:"assignee,omitempty"`
	By       string                 `json:"by,omitempty"`
	Into     postern.CaseID         `json:"merged_into,omitempty"`
	Customer *saidCustomer          `json:"customer,omitempty"`
}

type saidCustomer struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Subject string `json:"subject"`
}

// sentence is what a person reads in the other system.
func sentence(e desk.Event) string {
	words := map[desk.Happening]string{desk.Opened: "was opened", desk.Replied: "was answered", desk.Noted: "has a new note", desk.AssignedTo: "was assigned", desk.Closed: "was closed", desk.Reopened: "was reopened", desk.MergedInto: "was merged into another"}[e.Kind]
	text := "Postern: case " + strconv.FormatInt(e.Case.Number, 10) + " " + words
	if e.Kind == desk.AssignedTo && e.Case.AssigneeName != "" {
		text += " to " + e.Case.AssigneeName
	}
	return text + "."
}

// body gives what a system is sent for an event, made when it happens; ok is
// false where there is nothing to send.
func (k Hook) body(e desk.Event) (body []byte, ok bool, err error) {
	var out any
	switch k.Kind {
	case Zendesk: // https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/#update-ticket
		type comment struct {
			Body   string `json:"body"`
			Public bool   `json:"public"`
		}
		type ticket struct {
			Comment comment `json:"comment"`
			Status  string  `json:"status,omitempty"`
		}
		status := map[desk.Happening]string{desk.Closed: "solved", desk.Reopened: "open", desk.Replied: "pending"}[e.Kind]
		out, ok = map[string]ticket{"ticket": {comment{sentence(e), false}, status}}, e.Case.External != ""
	case Jira: // https://developer.atlassian.com/server/jira/platform/rest/, issue/{key}/comment
		out, ok = map[string]string{"body": sentence(e)}, e.Case.External != ""
	case OsTicket: // https://docs.osticket.com/en/latest/Developer%20Documentation/API/Tickets.html
		// It wants a name and an address, and can only open tickets.
		out = map[string]any{"source": "API", "alert": false, "autorespond": false, "name": e.Case.Name, "email": e.Case.Address, "subject": e.Case.Subject, "message": "data:text/plain," + sentence(e)}
		ok = k.IncludeCustomer && e.Kind == desk.Opened && e.Case.External == ""
	default:
		d := saidData{Case: e.Case.Number, ID: e.Case.ID, Status: e.Case.Status, Priority: e.Case.Priority.String(), External: e.Case.External, For: e.Case.Organisation, Assignee: e.Case.AssigneeName, By: e.By.Name, Into: e.Case.MergedInto}
		if e.By.Staff == "" {
			d.By = "" // the customer's name
		}
		if k.IncludeCustomer {
			d.Customer = &saidCustomer{e.Case.Name, e.Case.Address, e.Case.Subject}
		}
		out, ok = said{e.Kind, e.At.UTC(), d}, true
	}
	if !ok {
		return nil, false, nil
	}
	body, err = json.Marshal(out)
	return body, true, err
}

// request makes the call that carries a body to the system.
func (k Hook) request(ctx context.Context, s sending) (*http.Request, error) {
	method, address := http.MethodPost, k.URL
	base := strings.TrimSuffix(k.URL, "/")
	switch k.Kind {
	case Zendesk:
		method, address = http.MethodPut, base+"/api/v2/tickets/"+url.PathEscape(s.external)+".json"
	case Jira:
		address = base + "/rest/api/2/issue/" + url.PathEscape(s.external) + "/comment"
	case OsTicket:
		address = base + "/api/tickets.json"
	}
	if (k.Kind == Zendesk || k.Kind == Jira) && (s.external == "" || s.external == "." || s.external == "..") {
		return nil, errors.New("the case has no ticket any more")
	}
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(s.payload))
	if err != nil {
		return nil, errors.New("the hook's address is none")
	}
	if k.Credential != "" {
		name := "Authorization"
		if k.Kind == OsTicket {
			name = "X-API-Key"
		}
		r.Header.Set(name, k.Credential)
	}
	return r, nil
}

// ticketOf reads the number of a ticket that the system opened: osTicket
// answers with nothing else.
func (k Hook) ticketOf(answer []byte) string {
	number := strings.TrimSpace(string(answer))
	if k.Kind != OsTicket || number == "" || len(number) > 40 || strings.ContainsAny(number, " \r\n<>{}\"") {
		return ""
	}
	return number
}

// act is what an inbound hook asks for.
type act struct {
	Type     string `json:"type"`     // case.open, case.reply, case.note, case.close
	External string `json:"external"` // the ticket's number
	Address  string `json:"address"`  // of case.open: whose account it is about
	Subject  string `json:"subject"`
	Text     string `json:"text"`
	Priority string `json:"priority"`
}

// number reads an id that some versions write as a number.
type number string

func (n *number) UnmarshalJSON(b []byte) error {
	*n = number(strings.Trim(string(b), `"`))
	return nil
}

// parse reads a body in the system's shape, or in ours, which the triggers of
// Zendesk and the automations of Jira can write. ok is false for an event that
// says nothing to the desk.
func (k Hook) parse(body []byte) (a act, ok bool, err error) {
	var shape struct {
		act
		Event  string `json:"webhookEvent"`
		Detail struct {
			ID number `json:"id"`
		} `json:"detail"`
		Inner json.RawMessage `json:"event"`
		Issue struct {
			Key    string `json:"key"`
			Fields struct {
				Status struct {
					Category struct {
						Key string `json:"key"`
					} `json:"statusCategory"`
				} `json:"status"`
			} `json:"fields"`
		} `json:"issue"`
		Comment struct {
			Body string `json:"body"`
		} `json:"comment"`
	}
	if err := json.Unmarshal(body, &shape); err != nil {
		return a, false, invalid("desk.invalid.hook-body", "the body is no JSON of this hook's kind")
	}
	a = shape.act
	switch {
	case strings.HasPrefix(a.Type, "case."):
		return a, true, nil
	case k.Kind == Zendesk && strings.HasPrefix(a.Type, "zen:event-type:ticket."):
		var inner struct {
			Current string `json:"current"`
			Comment struct {
				Body string `json:"body"`
			} `json:"comment"`
		}
		if len(shape.Inner) > 0 && json.Unmarshal(shape.Inner, &inner) != nil {
			return a, false, invalid("desk.invalid.hook-body", "the event is none of Zendesk's")
		}
		a = act{External: string(shape.Detail.ID), Text: inner.Comment.Body}
		switch strings.TrimPrefix(shape.Type, "zen:event-type:ticket.") {
		case "comment_added":
			a.Type = "case.note"
			return a, a.Text != "", nil
		case "status_changed":
			a.Type = "case.close"
			return a, inner.Current == "SOLVED" || inner.Current == "CLOSED", nil
		}
		return a, false, nil
	case k.Kind == Jira && shape.Event != "":
		a = act{External: shape.Issue.Key, Text: shape.Comment.Body}
		switch shape.Event {
		case "comment_created":
			a.Type = "case.note"
			return a, a.Text != "", nil
		case "jira:issue_updated":
			a.Type = "case.close"
			return a, shape.Issue.Fields.Status.Category.Key == "done", nil
		}
		return a, false, nil
	}
	return a, false, invalid("desk.invalid.hook-type", "the type is case.open, case.reply, case.note or case.close")
}
