-- +goose Up
-- once: a yes that is kept as an offer was to each message once.
ALTER TABLE gate_offer ADD COLUMN once BIGINT NOT NULL DEFAULT 0;
