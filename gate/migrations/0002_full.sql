-- +goose Up
-- approvers: how many members of staff must agree; once: each message is shown
-- once at the grant's tier; emergency: without the customer.
ALTER TABLE gate_request ADD COLUMN approvers BIGINT NOT NULL DEFAULT 1;
ALTER TABLE gate_request ADD COLUMN once BIGINT NOT NULL DEFAULT 0;
ALTER TABLE gate_request ADD COLUMN emergency BIGINT NOT NULL DEFAULT 0;
ALTER TABLE gate_grant ADD COLUMN once BIGINT NOT NULL DEFAULT 0;
ALTER TABLE gate_grant ADD COLUMN emergency BIGINT NOT NULL DEFAULT 0;
CREATE INDEX gate_request_asked ON gate_request (asked, id);
CREATE INDEX gate_request_staff ON gate_request (staff, asked, id);

-- Who agreed to a request that needs more than one. Each row is no wider than
-- the one before it.
CREATE TABLE gate_agreement (
	request_id TEXT NOT NULL,
	staff      TEXT NOT NULL,
	staff_name TEXT NOT NULL,
	responder  BIGINT NOT NULL,
	tier       BIGINT NOT NULL,
	messages   BLOB NOT NULL,
	exact      BIGINT NOT NULL,
	lasts      BIGINT NOT NULL,
	once       BIGINT NOT NULL,
	at         BIGINT NOT NULL,
	PRIMARY KEY (request_id, staff)
);

-- What grants of the kind "once" have shown at their tier.
CREATE TABLE gate_once (
	grant_id TEXT NOT NULL,
	message  TEXT NOT NULL,
	PRIMARY KEY (grant_id, message)
);

-- What a customer wishes to be done with requests; no row means "ask".
CREATE TABLE gate_preference (
	account TEXT PRIMARY KEY,
	wish    TEXT NOT NULL,
	at      BIGINT NOT NULL
);

-- Every refusal of the gate, as it stands in the ledger, to be searched.
CREATE TABLE gate_refusal (
	id           TEXT PRIMARY KEY,
	at           BIGINT NOT NULL,
	what         TEXT NOT NULL, -- "ask", "approve", "reveal", …
	subject      TEXT NOT NULL, -- the key
	account      TEXT NOT NULL,
	case_id      TEXT NOT NULL,
	grant_id     TEXT NOT NULL,
	tier         BIGINT NOT NULL,
	staff        TEXT NOT NULL,
	staff_name   TEXT NOT NULL,
	organisation TEXT NOT NULL,
	session_id   TEXT NOT NULL
);
CREATE INDEX gate_refusal_at ON gate_refusal (at, id);
CREATE INDEX gate_refusal_staff ON gate_refusal (staff, at, id);

-- Legal holds: confirmed_at is 0 until a second person agreed, ended_at until
-- somebody ended it before its time.
CREATE TABLE gate_hold (
	id            TEXT PRIMARY KEY,
	account       TEXT NOT NULL,
	until_at      BIGINT NOT NULL,
	authority     TEXT NOT NULL,
	reference     TEXT NOT NULL,
	made_at       BIGINT NOT NULL,
	made_by       TEXT NOT NULL,
	made_name     TEXT NOT NULL,
	confirmed_at  BIGINT NOT NULL,
	confirmed_by  TEXT NOT NULL,
	confirmed_name TEXT NOT NULL,
	ended_at      BIGINT NOT NULL
);
CREATE INDEX gate_hold_account ON gate_hold (account, until_at);

-- What customers are to be told of emergency access: one row for a grant,
-- written with it. told_at is 0 until the mail plane has it.
CREATE TABLE gate_telling (
	grant_id   TEXT PRIMARY KEY,
	account    TEXT NOT NULL,
	made_at    BIGINT NOT NULL,
	claimed_at BIGINT NOT NULL,
	told_at    BIGINT NOT NULL
);
CREATE INDEX gate_telling_due ON gate_telling (made_at) WHERE told_at = 0;
