package told

import (
	"time"

	"github.com/postern-mail/postern"
)

// Sample is what the face's storybook shows.
func Sample(now time.Time) Seen {
	list := postern.FieldFrom | postern.FieldTo | postern.FieldSubject | postern.FieldDate
	return Seen{Total: 104, Older: "/notices/n?version=2&from=100", Services: []string{"accounts.fabrikam.example", "mobile.contoso.example"},
		People: []Person{{"Björn Andersen", "bjorn@msn.example"}, {"", "office@school.example"}}, Rest: 12,
		Lines: []Line{
			{Shown: Shown{"00000000000000000000000000000001", postern.TierEnvelope, list}, Subject: "Reset your password", Who: "Fabrikam Bank", At: now.Add(-48 * time.Hour), Guarded: true},
			{Shown: Shown{"00000000000000000000000000000002", postern.TierContent, list | postern.FieldBody}, Subject: "Summer house: the keys, the neighbours' number and a very long line about the garden", Who: "Björn Andersen", At: now.Add(-72 * time.Hour)},
			{Shown: Shown{"00000000000000000000000000000003", postern.TierEnvelope, list}, Who: "office@school.example", At: now.Add(-96 * time.Hour)},
			{Shown: Shown{"00000000000000000000000000000004", postern.TierEnvelope, list}, Gone: true},
		}}
}
