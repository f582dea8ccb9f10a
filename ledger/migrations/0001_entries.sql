-- +goose Up
CREATE TABLE ledger_entry (
    seq             SERIAL_KEY,
    id              BLOB NOT NULL UNIQUE,
    type            BIGINT NOT NULL, -- 1 disclosure, 4 control: the leaf's type
    kind            BIGINT NOT NULL, -- of a control; 0 for a disclosure
    account         BLOB,            -- pseudonym, or NULL where no account is meant
    tier            BIGINT NOT NULL,
    at              BIGINT NOT NULL,
    grant_id        TEXT NOT NULL,
    case_id         TEXT NOT NULL,
    session_id      TEXT NOT NULL,
    credential_id   TEXT NOT NULL,
    staff_id        TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    items           BIGINT NOT NULL,
    record_ct       BLOB,            -- NULL after erasure
    key_ref         BIGINT NOT NULL, -- which wrapping key
    commitment      BLOB NOT NULL,
    node            TEXT NOT NULL,
    idx             BIGINT
);
CREATE UNIQUE INDEX ledger_entry_idx ON ledger_entry (idx) WHERE idx IS NOT NULL;
CREATE INDEX ledger_entry_waiting ON ledger_entry (seq) WHERE idx IS NULL;
-- A reveal writes at the ends of the table and of two indexes. The others would
-- have it touch a random page each, so they take an entry when the sequencer
-- does, hundreds at once; until then it is found by ledger_entry_waiting.
CREATE INDEX ledger_entry_account ON ledger_entry (account, seq) WHERE idx IS NOT NULL AND account IS NOT NULL;
CREATE INDEX ledger_entry_session ON ledger_entry (session_id, seq) WHERE idx IS NOT NULL;
CREATE INDEX ledger_entry_credential ON ledger_entry (credential_id, seq) WHERE idx IS NOT NULL;
CREATE INDEX ledger_entry_grant ON ledger_entry (grant_id, seq) WHERE idx IS NOT NULL;
CREATE INDEX ledger_entry_staff ON ledger_entry (staff_id, at) WHERE idx IS NOT NULL;

CREATE TABLE ledger_account_secret (
    account_id TEXT PRIMARY KEY,
    pseudonym  BLOB NOT NULL UNIQUE,
    wrapped    BLOB NOT NULL
);
