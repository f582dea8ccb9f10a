-- +goose Up
-- +goose StatementBegin
CREATE TRIGGER ledger_entry_stays BEFORE DELETE ON ledger_entry
BEGIN
    SELECT RAISE(ABORT, 'a ledger entry is never deleted');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_entry_is_written_once BEFORE UPDATE ON ledger_entry
WHEN OLD.seq IS NOT NEW.seq OR OLD.id IS NOT NEW.id OR OLD.type IS NOT NEW.type OR OLD.kind IS NOT NEW.kind
    OR OLD.account IS NOT NEW.account OR OLD.tier IS NOT NEW.tier OR OLD.at IS NOT NEW.at
    OR OLD.grant_id IS NOT NEW.grant_id OR OLD.case_id IS NOT NEW.case_id OR OLD.session_id IS NOT NEW.session_id
    OR OLD.credential_id IS NOT NEW.credential_id OR OLD.staff_id IS NOT NEW.staff_id
    OR OLD.organisation_id IS NOT NEW.organisation_id OR OLD.items IS NOT NEW.items
    OR OLD.key_ref IS NOT NEW.key_ref OR OLD.commitment IS NOT NEW.commitment OR OLD.node IS NOT NEW.node
    OR (OLD.idx IS NOT NULL AND OLD.idx IS NOT NEW.idx)
    OR (OLD.record_ct IS NOT NEW.record_ct AND NEW.record_ct IS NOT NULL)
BEGIN
    SELECT RAISE(ABORT, 'of a ledger entry only the index is set, once, and the record erased');
END;
-- +goose StatementEnd
