-- +goose Up
-- Whose secret was destroyed, and when. The account's identifier is random and
-- means nobody once its account is gone.
CREATE TABLE ledger_erased (
    account_id TEXT PRIMARY KEY,
    at         BIGINT NOT NULL
);
