-- +goose Up
-- Every table but the two that route (address to account, hosted domains) and
-- the failures has the account first in its key, so that accounts can be
-- distributed over many databases.
CREATE TABLE account_account (
  id TEXT PRIMARY KEY,
  address TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  locale TEXT NOT NULL,
  status TEXT NOT NULL,
  created BIGINT NOT NULL,
  quota_bytes BIGINT NOT NULL,
  password_hash TEXT NOT NULL
);

CREATE TABLE account_domain (
  domain TEXT PRIMARY KEY,
  created BIGINT NOT NULL
);

CREATE TABLE account_app_password (
  account TEXT NOT NULL REFERENCES account_account (id),
  id TEXT NOT NULL,
  label TEXT NOT NULL,
  secret_hash BLOB NOT NULL,
  created BIGINT NOT NULL,
  last_used BIGINT,
  revoked_at BIGINT,
  PRIMARY KEY (account, id)
);

CREATE TABLE account_session (
  account TEXT NOT NULL REFERENCES account_account (id),
  id TEXT NOT NULL,
  token_hash BLOB NOT NULL,
  network TEXT NOT NULL,
  agent TEXT NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  seen BIGINT NOT NULL,
  ended_at BIGINT,
  PRIMARY KEY (account, id)
);
CREATE INDEX account_session_token ON account_session (account, token_hash);

CREATE TABLE account_sign_in (
  account TEXT NOT NULL REFERENCES account_account (id),
  at BIGINT NOT NULL,
  id TEXT NOT NULL,
  protocol TEXT NOT NULL,
  network TEXT NOT NULL,
  agent TEXT NOT NULL,
  result TEXT NOT NULL,
  PRIMARY KEY (account, at, id)
);

-- Failures to sign in, by a hash of who or where. Rows are forgotten.
CREATE TABLE account_failure (
  subject BLOB PRIMARY KEY,
  failures BIGINT NOT NULL,
  last BIGINT NOT NULL
);
CREATE INDEX account_failure_last ON account_failure (last);

-- "Has this customer signed in from here before?"
CREATE INDEX account_sign_in_home ON account_sign_in (account, network) WHERE result = 'ok';
