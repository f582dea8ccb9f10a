package node

import (
	"context"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/response/detect"
)

// AlertOut is an alert as a program outside reads it.
type AlertOut struct {
	ID         postern.AlertID      `json:"id"`
	Rule       string               `json:"rule"`
	Severity   string               `json:"severity"`
	Status     string               `json:"status"`
	At         time.Time            `json:"at"`
	First      time.Time            `json:"first"`
	Last       time.Time            `json:"last"`
	Count      int                  `json:"count"`
	Staff      postern.StaffID      `json:"staff"`
	StaffName  string               `json:"staff_name"`
	Login      string               `json:"login"`
	Credential postern.CredentialID `json:"credential"`
	Sessions   []postern.SessionID  `json:"sessions"`
	Network    string               `json:"network"`
}

func listAlerts(ctx context.Context, n *Node, _ struct{}, _ report) ([]AlertOut, error) {
	all, err := n.Response.Alerts(ctx, detect.AlertFilter{Limit: 1000})
	if err != nil {
		return nil, err
	}
	list := make([]AlertOut, len(all))
	for i, a := range all {
		list[i] = AlertOut{ID: a.ID, Rule: a.Rule, Severity: a.Severity.String(), Status: a.Status, At: a.At, First: a.First, Last: a.Last, Count: a.Count,
			Staff: a.Staff, StaffName: a.StaffName, Credential: a.Credential, Sessions: a.Sessions, Network: a.Network}
		if m, err := n.Staff.ByID(ctx, a.Staff); err == nil {
			list[i].Login = m.Login
		}
	}
	return list, nil
}
