package notify

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
	"github.com/postern-mail/postern/response/incident"
	"github.com/postern-mail/postern/response/notice"
	"github.com/postern-mail/postern/response/refuse"
	"github.com/postern-mail/postern/staff"
)

// tryCode stands where the code stands: nobody finds a notice by it.
const tryCode = "TEST"

// Try sends a test of one account's notice to an address, "" for the caller's
// own, in a language, "" for the account's. It is marked as a test, names the
// address that it goes to and not the customer's, carries no code, and is in no
// ledger. Denied when the address is one of somebody affected: a test is not how
// they learn of it.
func (o *Office) Try(ctx context.Context, by staff.Session, id postern.IncidentID, a postern.AccountID, address, locale string) error {
	if err := incident.Require(by, staff.Responder, staff.Approver); err != nil {
		return err
	}
	if address = strings.TrimSpace(address); address == "" {
		address = by.Login
	}
	if at := strings.LastIndexByte(address, '@'); at < 1 || at == len(address)-1 || strings.ContainsAny(address, " <>\r\n\x00") {
		return refuse.Invalid("response.invalid.address", "write the address that the test goes to, such as me@outlook.example")
	}
	f, err := o.previewing(ctx, id)
	if err != nil {
		return err
	}
	if who, err := o.readers.Account(ctx, address); err == nil {
		if _, err := o.factsOf(ctx, f, who); !refuse.IsUnknown(err) {
			return refuse.Denied("response.refused.try-affected", "this is the address of somebody affected: a test goes to nobody but us")
		}
	} else if !refuse.IsUnknown(err) {
		return fmt.Errorf("couldn't look an address up: %w", err)
	}
	facts, err := o.factsOf(ctx, f, a)
	if err != nil {
		return err
	}
	facts.Address, facts.Code = address, tryCode
	if locale == "" {
		if people, err := o.readers.People(ctx, []postern.AccountID{a}); err == nil {
			locale = people[a].Locale
		}
	}
	subject, text, err := notice.Word(facts, locale)
	if err != nil {
		return err
	}
	if err := o.readers.Try(ctx, address, NoticeMail{Subject: tryCode + " – " + subject, Text: text, Locale: locale}); err != nil {
		return fmt.Errorf("couldn't send the test: %w", err)
	}
	return o.db.Update(ctx, func(tx *db.Tx) error {
		return o.book.Write(tx, id, by, incident.Line{Kind: incident.LineTried, Facts: map[string]string{"version": strconv.Itoa(f.version)}})
	})
}
