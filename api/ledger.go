package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/ledger"
)

// Access is a disclosure as an OCSF event: Datastore Activity (class 6005),
// Read (activity 2), version 1.3. Message ids and the ledger's own words are
// under "unmapped".
type Access struct {
	ActivityID int            `json:"activity_id" example:"2"`
	CategoryID int            `json:"category_uid" example:"6"`
	ClassID    int            `json:"class_uid" example:"6005"`
	TypeID     int            `json:"type_uid" example:"600502"`
	SeverityID int            `json:"severity_id" example:"1"`
	Time       int64          `json:"time" doc:"Milliseconds since 1970."`
	Actor      Actor          `json:"actor"`
	Resource   Resource       `json:"resource"`
	Metadata   Metadata       `json:"metadata"`
	Unmapped   AccessUnmapped `json:"unmapped"`
}

// Actor, Resource and Metadata are OCSF objects of these names.
type (
	// Actor is who looked.
	Actor struct {
		User    ActorUser    `json:"user"`
		Session ActorSession `json:"session"`
	}
	// ActorUser is a member of staff.
	ActorUser struct {
		UID          postern.StaffID        `json:"uid"`
		CredentialID postern.CredentialID   `json:"credential_uid"`
		Org          postern.OrganisationID `json:"org"`
	}
	// ActorSession is their sign-in.
	ActorSession struct {
		UID postern.SessionID `json:"uid"`
	}
	// Resource is whose account it was.
	Resource struct {
		UID  postern.AccountID `json:"uid"`
		Type string            `json:"type" example:"mail account"`
	}
	// Metadata says where the event comes from.
	Metadata struct {
		UID     postern.DisclosureID `json:"uid"`
		Version string               `json:"version" example:"1.3.0"`
		Product Product              `json:"product"`
	}
	// Product is this one.
	Product struct {
		Name   string `json:"name"`
		Vendor string `json:"vendor_name"`
	}
	// AccessUnmapped is what OCSF has no word for.
	AccessUnmapped struct {
		Index    int64               `json:"ledger_index"`
		Tier     string              `json:"tier"`
		Fields   []string            `json:"fields"`
		Messages []postern.MessageID `json:"messages,omitempty"`
		Reason   string              `json:"reason"`
		Case     postern.CaseID      `json:"case,omitempty"`
		Grant    postern.GrantID     `json:"grant"`
		Erased   bool                `json:"erased,omitempty" doc:"The account was erased since: who, when and how deep remain."`
	}
)

func accessOf(e ledger.Entry) Access {
	d := e.Disclosure
	return Access{ActivityID: 2, CategoryID: 6, ClassID: 6005, TypeID: 600502, SeverityID: 1, Time: d.At.UnixMilli(),
		Actor:    Actor{User: ActorUser{UID: d.Staff, CredentialID: d.Credential, Org: d.Organisation}, Session: ActorSession{UID: d.Session}},
		Resource: Resource{UID: d.Account, Type: "mail account"},
		Metadata: Metadata{UID: d.ID, Version: "1.3.0", Product: Product{Name: "Postern", Vendor: "Postern"}},
		Unmapped: AccessUnmapped{Index: e.Index, Tier: d.Tier.String(), Fields: d.Fields.Names(), Messages: d.Messages, Reason: d.Reason.String(), Case: d.Case, Grant: d.Grant, Erased: e.Erased}}
}

// Accesses is a piece of the feed.
type Accesses struct {
	Items []Access `json:"items"`
	Next  int64    `json:"next" doc:"Send it as after; it is the same when there is nothing new."`
}

func (r rooms) ledgerOperations(api huma.API) {
	huma.Register(api, operation(huma.Operation{OperationID: "list-disclosures", Method: http.MethodGet, Path: "/api/v1/disclosures", Tags: []string{"ledger"}, Summary: "The feed of disclosures, oldest first, as OCSF",
		Description: "A reader that keeps next and sends it as after misses nothing and sees nothing twice, over restarts of both sides."}, "ledger:read"),
		func(ctx context.Context, in *struct {
			After int64 `query:"after" default:"-1" minimum:"-1"`
			Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"200" doc:"Entries of the ledger to read; controls among them are left out."`
		}) (*reply[Accesses], error) {
			if err := oversees(session(ctx)); err != nil {
				return nil, r.failed(ctx, err)
			}
			entries, err := r.Ledger.Entries(ctx, in.After, in.Limit)
			if err != nil {
				return nil, r.failed(ctx, err)
			}
			page := Accesses{Items: []Access{}, Next: in.After}
			for _, e := range entries {
				page.Next = e.Index
				if e.Disclosure != nil {
					page.Items = append(page.Items, accessOf(e))
				}
			}
			return &reply[Accesses]{page}, nil
		})
}
