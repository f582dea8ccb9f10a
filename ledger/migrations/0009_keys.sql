-- +goose Up
-- The public keys that this ledger has begun to use, so that a change of one is
-- itself in the log.
CREATE TABLE ledger_key (
    name  TEXT NOT NULL, -- "log", "vrf", "receipt"
    value TEXT NOT NULL,
    at    BIGINT NOT NULL,
    PRIMARY KEY (name, value)
);
