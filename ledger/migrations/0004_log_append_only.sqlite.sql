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
-- INSERT OR REPLACE deletes without asking the triggers above.
-- +goose StatementBegin
CREATE TRIGGER ledger_leaf_is_not_replaced BEFORE INSERT ON ledger_leaf
WHEN EXISTS (SELECT 1 FROM ledger_leaf WHERE idx = NEW.idx)
BEGIN
    SELECT RAISE(ABORT, 'a leaf is never replaced');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_checkpoint_is_not_replaced BEFORE INSERT ON ledger_checkpoint
WHEN EXISTS (SELECT 1 FROM ledger_checkpoint WHERE size = NEW.size)
BEGIN
    SELECT RAISE(ABORT, 'a published checkpoint is never replaced');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_entry_is_not_replaced BEFORE INSERT ON ledger_entry
WHEN EXISTS (SELECT 1 FROM ledger_entry WHERE id = NEW.id OR seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'a ledger entry is never replaced');
END;
-- +goose StatementEnd
