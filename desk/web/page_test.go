package web

import (
	"io/fs"
	"testing"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/desk"
	"github.com/postern-mail/postern/gate"
	"github.com/postern-mail/postern/gate/policy"
	"github.com/postern-mail/postern/staff"
	"github.com/postern-mail/postern/ui"
	"github.com/postern-mail/postern/ui/htmlcheck"
)

func sub(t testing.TB, dir string) fs.FS {
	t.Helper()
	s, err := fs.Sub(files, dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPages renders every page from its samples in both languages.
func TestPages(t *testing.T) {
	u, err := ui.New(ui.Options{Face: ui.Desk, Templates: sub(t, "templates"), Locales: sub(t, "locales"), Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	err = u.CheckSamples(samples(), func(name, lang string, page []byte) {
		t.Run(name+"/"+lang, func(t *testing.T) { htmlcheck.Check(t, page) })
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWords(t *testing.T) {
	keys := []string{
		desk.EventAssigned, desk.EventUnassigned, desk.EventClosed, desk.EventReopened,
		desk.EventOffered, desk.EventHanded, desk.EventMerged, desk.EventUnmerged, desk.EventPriority, "desk.setup.title", "desk.refused.not-manager", "desk.queue.many", "desk.queue.any",
		"desk.invalid.hand-over", "desk.invalid.same-assignee", "desk.invalid.assignee", "desk.invalid.priority", "desk.invalid.merge", "desk.invalid.filter", "desk.invalid.cursor", "desk.invalid.view", "desk.invalid.views",
		"desk.invalid.macro", "desk.invalid.target", "desk.conflict.merged", "desk.conflict.merge-chain", "desk.conflict.unmerge", "desk.unknown.organisation", "desk.unknown.macro", "desk.presence.writing", "desk.presence.many",
		"desk.hooks.kind.standard", "desk.hooks.kind.zendesk", "desk.hooks.kind.jira", "desk.hooks.kind.osticket", "desk.hooks.state.waiting", "desk.hooks.state.delivered", "desk.hooks.state.dead", "desk.hooks.title",
		"desk.invalid.hook", "desk.invalid.hook-url", "desk.invalid.hook-secret", "desk.unknown.hook", "desk.sort.", "desk.sort.due", "desk.sort.priority", "desk.clock.paused", "desk.clock.reply", "desk.clock.open", "desk.clock.soon", "desk.clock.late",
		"desk.priority.low", "desk.priority.normal", "desk.priority.high", "desk.priority.urgent",
		desk.FoundNothing, desk.FoundFrozen, desk.FoundQuotaFull, desk.FoundQuotaHigh, desk.FoundForwarding, desk.FoundQueued, desk.FoundSavedWrong, desk.FoundFailing,
		desk.FoundGuessing, desk.FoundNoSignIn, desk.FoundNoTrace, desk.FoundJunked, desk.FoundTurned, desk.FoundBounced, desk.FoundUnderWay, desk.FoundDelivered,
		gate.RefusedContained, gate.RefusedSessionEnded, gate.RefusedNoGrant, gate.RefusedOtherSession, gate.RefusedGrantEnded, gate.RefusedDeeperTier,
		gate.RefusedOutsideScope, gate.RefusedBudget, gate.RefusedLedgerBehind, gate.RefusedNoCase, gate.RefusedOtherAccount, gate.RefusedCaseClosed, gate.RefusedPolicy,
		gate.RefusedOutsourcer, gate.RefusedNotAgent, gate.RefusedNotApprover, gate.RefusedNotResponder, gate.RefusedOwnRequest, gate.RefusedCustomerOnly, gate.RefusedTooMany,
		gate.RefusedHours, gate.RefusedNetwork, gate.RefusedOrganisation, gate.RefusedReauth, gate.RefusedMasked, gate.RefusedShownOnce, gate.RefusedAgreedTwice,
		gate.RefusedNeedsResponder, gate.RefusedEmergency, gate.AnswerAlways, "gate.unknown.hold", "gate.conflict.hold", "gate.invalid.hold-until", "gate.invalid.hold-authority", "gate.invalid.hold-reference",
		"gate.invalid.emergency-reason", "gate.invalid.cursor", "desk.outcome.waiting", "desk.outcome.granted", "desk.outcome.refused", "desk.outcome.expired", "desk.outcome.denied",
		"desk.tried.ask", "desk.tried.approve", "desk.tried.refuse", "desk.tried.reveal", "desk.tried.contain", "desk.tried.lift", "desk.tried.hold", "desk.tried.confirm-hold", "desk.tried.end-hold",
		staff.KeyWrong, staff.KeyThrottled, staff.KeyPasskey, staff.KeyCloned, staff.KeySignedOut, staff.KeySuspended, staff.KeyCredentialEnded, staff.KeyNetworkBlocked,
		staff.KeyLeft, staff.KeySessionEnded, staff.KeyExpired, staff.KeyIdle,
		"desk.refused.title", "desk.withheld.title", "desk.agreed.policy", "desk.agreed.customer", "desk.agreed.staff", "desk.offer.sentence",
		"desk.scope.on", "desk.scope.between", "desk.request.waiting.customer", "desk.request.waiting.staff",
	}
	for _, v := range defaultViews() {
		keys = append(keys, v.Name)
	}
	keys = append(keys, desk.ExplanationKeys()...)
	keys = append(keys, desk.ChecklistKeys()...)
	keys = append(keys, "desk.trace.deferred", "desk.checklist.sender", "desk.checklist.sender.hint", "desk.checklist.recipient", "desk.checklist.recipient.hint")
	for _, r := range staff.Roles {
		keys = append(keys, "desk.role."+string(r))
	}
	for _, tier := range postern.Tiers {
		keys = append(keys, "desk.scope."+tier.String())
	}
	for _, a := range []policy.Agree{policy.AgreeNobody, policy.AgreeCase, policy.AgreeCustomerOrStaff, policy.AgreeCustomer} {
		keys = append(keys, "desk.ladder."+string(a), "desk.ask.who."+string(a))
	}
	for _, s := range []string{gate.Waiting, gate.Granted, gate.Refused, gate.Expired} {
		keys = append(keys, "desk.request."+s)
	}
	for _, k := range []string{desk.KindCustomer, desk.KindReply, desk.KindNote} {
		keys = append(keys, "desk.post."+k)
	}
	for _, e := range []string{"accepted", "refused", "delivered", "junked", "queued", "sent", "bounced", "imported"} {
		keys = append(keys, "desk.trace."+e)
	}
	ui.CheckLocales(t, sub(t, "templates"), sub(t, "locales"), keys...)
}

func TestArrived(t *testing.T) {
	for _, test := range []struct {
		id   postern.MessageID
		want time.Time
	}{
		{"019e2b7c1a003f2b8c3d1d0e9f8a7b6c", time.UnixMilli(0x019e2b7c1a00).UTC()},
		{"6f1e0c5b7a9d4e2f8b3c1d0e9f8a7b6c", time.Time{}}, // no likely time
		{"", time.Time{}},
		{"zz9e2b7c1a003f2b8c3d1d0e9f8a7b6c", time.Time{}},
	} {
		if got := arrived(test.id); !got.Equal(test.want) {
			t.Errorf("arrived(%q) = %v, want %v", test.id, got, test.want)
		}
	}
}
