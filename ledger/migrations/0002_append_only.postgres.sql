-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION ledger_entry_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION 'a ledger entry is never deleted';
    END IF;
    IF (OLD.seq, OLD.id, OLD.type, OLD.kind, OLD.account, OLD.tier, OLD.at, OLD.grant_id, OLD.case_id, OLD.session_id,
        OLD.credential_id, OLD.staff_id, OLD.organisation_id, OLD.items, OLD.key_ref, OLD.commitment, OLD.node)
       IS DISTINCT FROM
       (NEW.seq, NEW.id, NEW.type, NEW.kind, NEW.account, NEW.tier, NEW.at, NEW.grant_id, NEW.case_id, NEW.session_id,
        NEW.credential_id, NEW.staff_id, NEW.organisation_id, NEW.items, NEW.key_ref, NEW.commitment, NEW.node)
       OR (OLD.idx IS NOT NULL AND OLD.idx IS DISTINCT FROM NEW.idx)
       OR (OLD.record_ct IS DISTINCT FROM NEW.record_ct AND NEW.record_ct IS NOT NULL) THEN
        RAISE EXCEPTION 'of a ledger entry only the index is set, once, and the record erased';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER ledger_entry_is_written_once BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION ledger_entry_is_written_once();
CREATE TRIGGER ledger_entry_is_not_truncated BEFORE TRUNCATE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_is_written_once();
