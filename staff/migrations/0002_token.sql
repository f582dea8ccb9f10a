-- +goose Up

-- An API token is a credential with one session, which lasts as long as it
-- does. No cookie is that session's: its token_hash is of nothing.
CREATE TABLE staff_token (
  session TEXT PRIMARY KEY REFERENCES staff_session (id),
  credential TEXT NOT NULL UNIQUE REFERENCES staff_credential (id),
  mark TEXT NOT NULL UNIQUE,
  hash BLOB NOT NULL,
  scopes TEXT NOT NULL,
  made_by TEXT NOT NULL,
  made_with TEXT NOT NULL,
  refused BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX staff_token_made_with ON staff_token (made_with);
CREATE INDEX staff_session_staff ON staff_session (staff);
