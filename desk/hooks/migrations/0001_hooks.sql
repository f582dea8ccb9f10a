-- +goose Up
-- Times are milliseconds since 1970.

CREATE TABLE hook_endpoint (
	id               TEXT PRIMARY KEY,
	organisation     TEXT NOT NULL,
	kind             TEXT NOT NULL, -- 'standard', 'zendesk', 'jira', 'osticket'
	label            TEXT NOT NULL,
	url              TEXT NOT NULL, -- '' for one that only hears
	secret           BLOB NOT NULL, -- signs and checks: an HMAC's key cannot be a hash
	credential       TEXT NOT NULL, -- what the other system wants in its header, or ''
	private          BIGINT NOT NULL, -- 1: may be on a private network
	include_customer BIGINT NOT NULL, -- 1: the customer's name, address and subject go out
	made             BIGINT NOT NULL,
	ended            BIGINT NOT NULL -- 0 while it works
);
CREATE INDEX hook_endpoint_organisation ON hook_endpoint (organisation, made);

CREATE TABLE hook_delivery (
	n       SERIAL_KEY,
	id      TEXT NOT NULL UNIQUE, -- webhook-id: the same for every try
	hook    TEXT NOT NULL,
	event   TEXT NOT NULL,
	case_id TEXT NOT NULL,
	payload BLOB NOT NULL,
	made    BIGINT NOT NULL,
	tries   BIGINT NOT NULL,
	next    BIGINT NOT NULL,
	state   TEXT NOT NULL, -- 'waiting', 'delivered', 'dead'
	status  BIGINT NOT NULL, -- the last answer's, 0 for none
	problem TEXT NOT NULL
);
CREATE INDEX hook_delivery_waiting ON hook_delivery (next) WHERE state = 'waiting';
CREATE INDEX hook_delivery_hook ON hook_delivery (hook, n);

CREATE TABLE hook_received (
	hook     TEXT NOT NULL,
	delivery TEXT NOT NULL,
	at       BIGINT NOT NULL,
	answer   TEXT NOT NULL,
	PRIMARY KEY (hook, delivery)
);
CREATE INDEX hook_received_at ON hook_received (at);
