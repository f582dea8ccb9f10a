-- +goose Up
-- +goose StatementBegin
CREATE TRIGGER ledger_leaf_stays BEFORE DELETE ON ledger_leaf
BEGIN
    SELECT RAISE(ABORT, 'a leaf is never deleted');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_leaf_is_written_once BEFORE UPDATE ON ledger_leaf
BEGIN
    SELECT RAISE(ABORT, 'a leaf is never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_checkpoint_stays BEFORE DELETE ON ledger_checkpoint
BEGIN
    SELECT RAISE(ABORT, 'a published checkpoint is never deleted');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_checkpoint_is_written_once BEFORE UPDATE ON ledger_checkpoint
BEGIN
    SELECT RAISE(ABORT, 'a published checkpoint is never changed');
END;
-- +goose StatementEnd
