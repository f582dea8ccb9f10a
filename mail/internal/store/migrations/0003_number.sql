-- +goose Up
-- The next account's number is found without reading all of them.
CREATE INDEX mail_state_number ON mail_state (number);
