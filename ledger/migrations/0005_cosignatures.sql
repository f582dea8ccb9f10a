-- +goose Up
-- What witnesses signed: their first cosignature of a size, and their last, which
-- says until when they held it to be the largest. Times are the witness' own.
CREATE TABLE ledger_cosignature (
    size       BIGINT NOT NULL,
    witness    TEXT NOT NULL,
    first_line TEXT NOT NULL,
    first_at   BIGINT NOT NULL,
    last_line  TEXT NOT NULL,
    last_at    BIGINT NOT NULL,
    PRIMARY KEY (size, witness)
);
-- The sizes that a quorum has cosigned: from when, and until when they held it.
CREATE TABLE ledger_public (
    size     BIGINT PRIMARY KEY,
    first_at BIGINT NOT NULL,
    last_at  BIGINT NOT NULL
);
CREATE INDEX ledger_public_first ON ledger_public (first_at);
CREATE INDEX ledger_public_last ON ledger_public (last_at);
-- The largest size that each witness has seen of us.
CREATE TABLE ledger_witness (
    name TEXT PRIMARY KEY,
    size BIGINT NOT NULL,
    at   BIGINT NOT NULL
);
