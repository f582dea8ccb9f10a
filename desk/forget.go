package desk

import (
	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/db"
)

// Forget closes an account's cases and takes every word and name of the customer
// out of them, in the caller's transaction. That there were cases, who worked
// them and when stays. It gives their ids, for whoever else kept words of them.
func (c *Cases) Forget(tx *db.Tx, a postern.AccountID) (cases []postern.CaseID, err error) {
	err = tx.Rows("SELECT id FROM desk_case WHERE account = ?1", db.Args(string(a)), func(row db.Scanner) error {
		var id postern.CaseID
		err := row.Scan(&id)
		cases = append(cases, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec("UPDATE desk_case SET address = '', name = '', subject = '', handed_why = '', external = '', status = 'closed' WHERE account = ?1", string(a)); err != nil {
		return nil, err
	}
	for _, id := range cases {
		if _, err := tx.Exec("UPDATE desk_post SET text = '', arg = '', who = CASE staff WHEN '' THEN '' ELSE who END WHERE case_id = ?1 AND kind <> 'event'", string(id)); err != nil {
			return nil, err
		}
		if _, err := tx.Exec("UPDATE desk_letter SET text = '', given_up = CASE WHEN sent = 0 AND given_up = 0 THEN made ELSE given_up END WHERE case_id = ?1", string(id)); err != nil {
			return nil, err
		}
	}
	return cases, nil
}
