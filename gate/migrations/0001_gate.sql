-- +goose Up
-- Times are milliseconds since 1970; 0 in answered, ended_at, withdrawn and
-- lifted_at means "not yet". messages is 16 bytes per id, in the order asked.

CREATE TABLE gate_request (
	id                TEXT PRIMARY KEY,
	case_id           TEXT NOT NULL,
	account           TEXT NOT NULL,
	tier              BIGINT NOT NULL,
	messages          BLOB NOT NULL,
	named             BIGINT NOT NULL, -- 1: the asker named each message; 0: a mailbox or a query did
	reason            BIGINT NOT NULL,
	sentence          TEXT NOT NULL,
	lasts             BIGINT NOT NULL,
	agree             TEXT NOT NULL,   -- the policy's demand when it was asked
	staff             TEXT NOT NULL,
	staff_name        TEXT NOT NULL,
	organisation      TEXT NOT NULL,
	organisation_name TEXT NOT NULL,
	session_id        TEXT NOT NULL,
	credential_id     TEXT NOT NULL,
	asked             BIGINT NOT NULL,
	status            TEXT NOT NULL,
	answered          BIGINT NOT NULL,
	answered_by       TEXT NOT NULL,
	answer            TEXT NOT NULL,
	grant_id          TEXT NOT NULL
);
CREATE INDEX gate_request_account ON gate_request (account, asked);
CREATE INDEX gate_request_case ON gate_request (case_id, asked);
CREATE INDEX gate_request_session ON gate_request (session_id);
CREATE INDEX gate_request_waiting ON gate_request (asked) WHERE status = 'waiting';

CREATE TABLE gate_grant (
	id                TEXT PRIMARY KEY,
	request_id        TEXT NOT NULL,
	case_id           TEXT NOT NULL,
	account           TEXT NOT NULL,
	tier              BIGINT NOT NULL,
	messages          BLOB NOT NULL,
	reason            BIGINT NOT NULL,
	sentence          TEXT NOT NULL,
	from_at           BIGINT NOT NULL,
	until_at          BIGINT NOT NULL,
	session_id        TEXT NOT NULL,
	credential_id     TEXT NOT NULL,
	network           TEXT NOT NULL,
	staff             TEXT NOT NULL,
	staff_name        TEXT NOT NULL,
	organisation      TEXT NOT NULL,
	organisation_name TEXT NOT NULL,
	agreed_by         TEXT NOT NULL,   -- 'policy', 'customer', or a member's name
	approver          TEXT NOT NULL,   -- that member's id, or ''
	consented         BIGINT NOT NULL, -- 1: the customer agreed to each of messages
	ended_at          BIGINT NOT NULL,
	ended_why         TEXT NOT NULL
);
CREATE INDEX gate_grant_account ON gate_grant (account, from_at);
CREATE INDEX gate_grant_case ON gate_grant (case_id, from_at);
CREATE INDEX gate_grant_session ON gate_grant (session_id);
CREATE INDEX gate_grant_credential ON gate_grant (credential_id);
CREATE INDEX gate_grant_live ON gate_grant (until_at) WHERE ended_at = 0;

-- What customers agreed to before anybody asked.
CREATE TABLE gate_offer (
	id        TEXT PRIMARY KEY,
	account   TEXT NOT NULL,
	case_id   TEXT NOT NULL,
	tier      BIGINT NOT NULL,
	messages  BLOB NOT NULL,
	named     BIGINT NOT NULL,
	staff     TEXT NOT NULL,   -- '': whoever works the case
	lasts     BIGINT NOT NULL, -- 0: as long as the policy lets a grant live
	made      BIGINT NOT NULL,
	withdrawn BIGINT NOT NULL
);
CREATE INDEX gate_offer_case ON gate_offer (account, case_id);

-- The last minute in which a member of staff saw an account at a tier.
CREATE TABLE gate_reach (
	staff   TEXT NOT NULL,
	tier    BIGINT NOT NULL,
	account TEXT NOT NULL,
	minute  BIGINT NOT NULL,
	PRIMARY KEY (staff, tier, account)
);
CREATE INDEX gate_reach_minute ON gate_reach (staff, tier, minute);

-- How many messages a member of staff saw at a tier in a minute.
CREATE TABLE gate_read (
	staff  TEXT NOT NULL,
	tier   BIGINT NOT NULL,
	minute BIGINT NOT NULL,
	n      BIGINT NOT NULL,
	PRIMARY KEY (staff, tier, minute)
);

CREATE TABLE gate_containment (
	id          TEXT PRIMARY KEY,
	seq         BIGINT NOT NULL, -- of its ledger entry
	kind        TEXT NOT NULL,
	subject     TEXT NOT NULL,
	why         TEXT NOT NULL,
	actor       TEXT NOT NULL,
	actor_name  TEXT NOT NULL,
	at          BIGINT NOT NULL,
	sessions    BIGINT NOT NULL,
	grants      BIGINT NOT NULL,
	took        BIGINT NOT NULL, -- nanoseconds until nothing of it was on its way; 0 while that is awaited
	lifted_at   BIGINT NOT NULL,
	lifted_by   TEXT NOT NULL,
	lifted_why  TEXT NOT NULL
);
CREATE INDEX gate_containment_seq ON gate_containment (seq);

-- Sessions and grants that ended, for the pages open on other nodes. Rows are
-- written under the lock "containment", so their numbers become visible in order.
CREATE TABLE gate_ended (
	n       SERIAL_KEY,
	what    TEXT NOT NULL, -- 'session' or 'grant'
	subject TEXT NOT NULL,
	at      BIGINT NOT NULL
);

-- Deliveries that outlast the lease their disclosure gave them.
CREATE TABLE gate_lease (
	disclosure TEXT PRIMARY KEY,
	process    TEXT NOT NULL,
	renewed    BIGINT NOT NULL
);
