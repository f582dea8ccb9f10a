-- +goose Up
-- Times are milliseconds since 1970.

CREATE TABLE desk_case (
	number        SERIAL_KEY,
	id            TEXT NOT NULL UNIQUE,
	account       TEXT NOT NULL,
	address       TEXT NOT NULL,
	name          TEXT NOT NULL,
	locale        TEXT NOT NULL,
	subject       TEXT NOT NULL,
	status        TEXT NOT NULL, -- 'open', 'waiting' (for the customer), 'closed'
	assignee      TEXT NOT NULL, -- '' for nobody
	assignee_name TEXT NOT NULL,
	opened        BIGINT NOT NULL,
	updated       BIGINT NOT NULL,
	external      TEXT NOT NULL  -- the number of a ticket in another system, or ''
);
CREATE INDEX desk_case_account ON desk_case (account, updated);
CREATE INDEX desk_case_queue ON desk_case (status, updated);
CREATE INDEX desk_case_assignee ON desk_case (assignee, updated);

CREATE TABLE desk_post (
	n       SERIAL_KEY,
	case_id TEXT NOT NULL,
	at      BIGINT NOT NULL,
	who     TEXT NOT NULL, -- a name, as it was
	staff   TEXT NOT NULL, -- '' for the customer
	kind    TEXT NOT NULL, -- 'customer', 'reply', 'note', 'event'
	text    TEXT NOT NULL, -- of an event: a page's key
	arg     TEXT NOT NULL  -- of an event
);
CREATE INDEX desk_post_case ON desk_post (case_id, n);
