-- +goose Up
-- The receipts that were used: written before anything is read for one.
CREATE TABLE foreign_spent (
	disclosure TEXT NOT NULL PRIMARY KEY,
	at BIGINT NOT NULL
);
CREATE INDEX foreign_spent_at ON foreign_spent (at);
