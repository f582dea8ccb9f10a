-- +goose Up
-- The log: what the sequencer makes of the entries.
CREATE TABLE ledger_leaf (
    idx  BIGINT PRIMARY KEY,
    data BLOB NOT NULL
);
-- Of a disclosure's leaf: which tag of which stream it carries.
CREATE TABLE ledger_stream (
    idx    BIGINT PRIMARY KEY,
    series BIGINT NOT NULL,
    n      BIGINT NOT NULL
);
CREATE TABLE ledger_counter (
    series  BIGINT NOT NULL,
    account BLOB NOT NULL,
    tier    BIGINT NOT NULL,
    n       BIGINT NOT NULL,
    PRIMARY KEY (series, account, tier)
);
CREATE TABLE ledger_series (
    series BIGINT PRIMARY KEY,
    idx    BIGINT NOT NULL
);
-- Tiles as in c2sp.org/tlog-tiles; the rightmost of a level grows.
CREATE TABLE ledger_tile (
    level BIGINT NOT NULL,
    n     BIGINT NOT NULL,
    data  BLOB NOT NULL,
    PRIMARY KEY (level, n)
);
CREATE TABLE ledger_head (
    one  BIGINT PRIMARY KEY CHECK (one = 1),
    size BIGINT NOT NULL,
    root BLOB NOT NULL
);
CREATE TABLE ledger_checkpoint (
    size BIGINT PRIMARY KEY,
    note BLOB NOT NULL,
    at   BIGINT NOT NULL
);
