-- +goose Up
CREATE INDEX ledger_checkpoint_at ON ledger_checkpoint (at);
-- Where the epochs stand, so that a statement need not look for the last.
CREATE TABLE ledger_epoch (
    idx BIGINT PRIMARY KEY
);
