package readers

import (
	"context"
	"strings"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/response"
	"github.com/postern-mail/postern/response/notify"
	"github.com/postern-mail/postern/staff"
)

// NoticesIn names an incident by its number.
type NoticesIn struct {
	Incident int64  `json:"incident"`
	Days     int    `json:"days"`
	State    string `json:"state"`
}

// NoticesOut is how far an incident's newest notices came.
type NoticesOut struct {
	Version  int            `json:"version"`
	State    string         `json:"state"`
	Pause    string         `json:"pause,omitempty"`
	Problem  string         `json:"problem,omitempty"`
	Until    time.Time      `json:"until,omitzero"`
	Looked   int            `json:"looked"`
	Affected int            `json:"affected"`
	Due      int            `json:"due"`
	Sent     int            `json:"sent"`
	Failed   int            `json:"failed"`
	Read     int            `json:"read"`
	Unread   int            `json:"unread"`
	Followed map[string]int `json:"followed"`
}

// CodeIn is what somebody on the telephone reads out.
type CodeIn struct {
	Address string `json:"address"`
	Code    string `json:"code"`
}

// CodeOut says whether it is ours.
type CodeOut struct {
	Genuine bool      `json:"genuine"`
	Version int       `json:"version,omitempty"`
	Kind    string    `json:"kind,omitempty"`
	Sent    time.Time `json:"sent,omitzero"`
}

func numbered(ctx context.Context, r *response.Response, number int64) (postern.IncidentID, error) {
	all, err := r.Incidents(ctx)
	for _, in := range all {
		if in.Number == number {
			return in.ID, nil
		}
	}
	if err == nil {
		err = &postern.Error{Kind: postern.NotFound, Key: "response.unknown.incident", Text: "there is no such incident"}
	}
	return "", err
}

// Status says how far the newest notices of an incident came.
func Status(ctx context.Context, r *response.Response, in NoticesIn) (out NoticesOut, err error) {
	id, err := numbered(ctx, r, in.Incident)
	if err != nil {
		return out, err
	}
	b, err := r.Batch(ctx, id)
	if err != nil {
		return out, err
	}
	s, err := r.Stats(ctx, b)
	return NoticesOut{b.Version, b.State, b.Pause, b.Problem, b.Until, b.Looked, b.Affected, b.Counts.Due + b.Counts.Sending, s.Sent, s.Failed, s.Read, s.Unread, s.Followed}, err
}

// Check says whether a code is ours.
func Check(ctx context.Context, r *response.Response, in CodeIn) (CodeOut, error) {
	c, err := r.CheckCode(ctx, in.Address, in.Code)
	return CodeOut{c.Genuine, c.Version, c.Kind, c.Notice.At}, err
}

// Followup gives the list to follow up as a file. Whoever runs the command could read the
// databases as well, so no role is asked of them.
func Followup(ctx context.Context, r *response.Response, in NoticesIn) (string, error) {
	id, err := numbered(ctx, r, in.Incident)
	if err != nil {
		return "", err
	}
	var file strings.Builder
	operator := staff.Session{Name: "the command line", Roles: []staff.Role{staff.Responder}}
	err = r.FollowCSV(ctx, operator, id, notify.FollowFilter{Days: in.Days, State: in.State}, &file)
	return file.String(), err
}
