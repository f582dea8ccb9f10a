-- +goose Up

-- A version is written and sent in steps, each of which a crash may follow:
-- where the writing stands, how many notices its stage allows, why it rests.
ALTER TABLE response_batch ADD COLUMN place TEXT NOT NULL DEFAULT '';
ALTER TABLE response_batch ADD COLUMN looked BIGINT NOT NULL DEFAULT 0;
ALTER TABLE response_batch ADD COLUMN affected BIGINT NOT NULL DEFAULT 0;
ALTER TABLE response_batch ADD COLUMN sums TEXT NOT NULL DEFAULT '';
ALTER TABLE response_batch ADD COLUMN stage BIGINT NOT NULL DEFAULT 0;
ALTER TABLE response_batch ADD COLUMN claimed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE response_batch ADD COLUMN pause TEXT NOT NULL DEFAULT '';
ALTER TABLE response_batch ADD COLUMN problem TEXT NOT NULL DEFAULT '';
ALTER TABLE response_batch ADD COLUMN not_before BIGINT NOT NULL DEFAULT 0;
ALTER TABLE response_batch ADD COLUMN faults BIGINT NOT NULL DEFAULT 0;

-- How often a notice was refused (tries counts how often it was claimed), and
-- when its reader was first known to have opened it: 0 for not yet.
ALTER TABLE response_notice ADD COLUMN faults BIGINT NOT NULL DEFAULT 0;
ALTER TABLE response_notice ADD COLUMN opened BIGINT NOT NULL DEFAULT 0;

-- The next to send is found without sorting the rest, and so are the unread.
DROP INDEX response_notice_waiting;
CREATE INDEX response_notice_next ON response_notice (incident, version, state, account);
CREATE INDEX response_notice_unread ON response_notice (incident, version, account) WHERE state = 'sent' AND opened = 0;

-- Who was reached by a letter or a call, and who could not be.
CREATE TABLE response_followup (
  incident TEXT NOT NULL,
  account TEXT NOT NULL,
  state TEXT NOT NULL,
  at BIGINT NOT NULL,
  staff TEXT NOT NULL,
  staff_name TEXT NOT NULL,
  PRIMARY KEY (incident, account)
);
