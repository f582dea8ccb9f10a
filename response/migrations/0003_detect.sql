-- +goose Up

-- What an alert is about, where that is no member of staff: a network. What
-- exactly fired: the rule's title and the hash of its text.
ALTER TABLE response_alert ADD COLUMN subject TEXT NOT NULL DEFAULT '';
ALTER TABLE response_alert ADD COLUMN title TEXT NOT NULL DEFAULT '';
ALTER TABLE response_alert ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE response_alert ADD COLUMN rule_version TEXT NOT NULL DEFAULT '';
ALTER TABLE response_alert ADD COLUMN team TEXT NOT NULL DEFAULT '';
-- What the rule wants ended at once: '' nothing, 'due', 'done', 'failed'.
ALTER TABLE response_alert ADD COLUMN ending TEXT NOT NULL DEFAULT '';
ALTER TABLE response_alert ADD COLUMN ending_kind TEXT NOT NULL DEFAULT '';
ALTER TABLE response_alert ADD COLUMN ending_subject TEXT NOT NULL DEFAULT '';
ALTER TABLE response_alert ADD COLUMN ending_id TEXT NOT NULL DEFAULT '';
UPDATE response_alert SET subject = staff;
DROP INDEX response_alert_open;
CREATE UNIQUE INDEX response_alert_open ON response_alert (rule, subject) WHERE status <> 'dismissed' AND status <> 'closed';
CREATE INDEX response_alert_ending ON response_alert (ending) WHERE ending = 'due';

ALTER TABLE response_session ADD COLUMN method TEXT NOT NULL DEFAULT '';

-- What the windows of the rules hold, as of a place in each feed. Lost, it is
-- read again from the feeds.
CREATE TABLE response_engine (
  id BIGINT PRIMARY KEY,
  staff BIGINT NOT NULL,
  ledger BIGINT NOT NULL,
  made BIGINT NOT NULL,
  state BLOB NOT NULL
);

-- When each member was first and last seen coming in, and at which hours they
-- work: a day is counted once.
CREATE TABLE response_member (
  staff TEXT PRIMARY KEY,
  first BIGINT NOT NULL,
  last_sign_in BIGINT NOT NULL
);
CREATE TABLE response_habit (
  staff TEXT NOT NULL,
  hour BIGINT NOT NULL,
  day BIGINT NOT NULL,
  PRIMARY KEY (staff, hour, day)
);
CREATE INDEX response_habit_day ON response_habit (day);

-- What the numbers of the first rules were counted in.
DROP TABLE response_reach;
DROP TABLE response_streak;
DROP TABLE response_guarded;
