-- +goose Up
-- A customer's rules in their order. Conditions and actions are one JSON text:
-- nothing asks for a part of them.
CREATE TABLE mail_rule (
    account BLOB NOT NULL,
    id BLOB NOT NULL,
    place BIGINT NOT NULL,
    active BIGINT NOT NULL DEFAULT 1,
    made BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (account, id)
);
