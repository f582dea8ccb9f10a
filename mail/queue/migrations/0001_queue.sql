-- +goose Up
-- A message that waits, and one row for each recipient that it still waits for.
CREATE TABLE mail_queue_message (
    account BLOB NOT NULL,
    id BLOB NOT NULL,
    sender TEXT NOT NULL,
    at BIGINT NOT NULL,
    raw BLOB NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE TABLE mail_queue_recipient (
    account BLOB NOT NULL,
    message BLOB NOT NULL,
    recipient TEXT NOT NULL,
    domain TEXT NOT NULL,
    at BIGINT NOT NULL,
    due BIGINT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account, message, recipient)
);
CREATE INDEX mail_queue_due ON mail_queue_recipient (due);
