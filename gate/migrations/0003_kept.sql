-- +goose Up
-- once: a yes that is kept as an offer was to each message once.
ALTER TABLE gate_offer ADD COLUMN once BIGINT NOT NULL DEFAULT 0;
-- mark: what the customer's letter is known by when it is told again. No member
-- of staff knows it, so that nobody forges the letter.
ALTER TABLE gate_telling ADD COLUMN mark TEXT NOT NULL DEFAULT '';
