-- +goose Up
CREATE TABLE staff_organisation (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  created BIGINT NOT NULL,
  suspended_at BIGINT
);

CREATE TABLE staff_member (
  id TEXT PRIMARY KEY,
  login TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  locale TEXT NOT NULL,
  organisation TEXT NOT NULL REFERENCES staff_organisation (id),
  roles TEXT NOT NULL,
  status TEXT NOT NULL,
  created BIGINT NOT NULL
);

-- One row per way in. A password and its TOTP secret are one credential: the
-- one is no way in without the other.
CREATE TABLE staff_credential (
  id TEXT PRIMARY KEY,
  staff TEXT NOT NULL REFERENCES staff_member (id),
  kind TEXT NOT NULL,
  label TEXT NOT NULL,
  created BIGINT NOT NULL,
  last_used BIGINT,
  ended_at BIGINT,
  password_hash TEXT,
  totp_secret TEXT,
  totp_step BIGINT NOT NULL DEFAULT 0,
  key_id BLOB UNIQUE,
  public_key BLOB,
  attestation TEXT,
  aaguid BLOB,
  transports TEXT,
  sign_count BIGINT NOT NULL DEFAULT 0,
  backup_eligible BIGINT NOT NULL DEFAULT 0,
  backed_up BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX staff_credential_staff ON staff_credential (staff);

CREATE TABLE staff_session (
  id TEXT PRIMARY KEY,
  token_hash BLOB NOT NULL UNIQUE,
  staff TEXT NOT NULL REFERENCES staff_member (id),
  credential TEXT NOT NULL REFERENCES staff_credential (id),
  organisation TEXT NOT NULL REFERENCES staff_organisation (id),
  network TEXT NOT NULL,
  agent TEXT NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  seen BIGINT NOT NULL,
  ended_at BIGINT
);
CREATE INDEX staff_session_credential ON staff_session (credential);
CREATE INDEX staff_session_organisation ON staff_session (organisation);

-- The networks a session was used from: the one it was made in, and any other
-- that its cookie turned up in.
CREATE TABLE staff_session_network (
  session TEXT NOT NULL REFERENCES staff_session (id),
  network TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (session, network)
);
CREATE INDEX staff_session_network_network ON staff_session_network (network);

CREATE TABLE staff_network_block (
  network TEXT PRIMARY KEY,
  at BIGINT NOT NULL
);

-- Where each member has signed in from with success.
CREATE TABLE staff_network_known (
  staff TEXT NOT NULL REFERENCES staff_member (id),
  network TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (staff, network)
);

CREATE TABLE staff_event (
  seq SERIAL_KEY,
  at BIGINT NOT NULL,
  staff TEXT NOT NULL,
  organisation TEXT NOT NULL,
  credential TEXT NOT NULL,
  session TEXT NOT NULL,
  network TEXT NOT NULL,
  agent TEXT NOT NULL,
  method TEXT NOT NULL,
  result TEXT NOT NULL,
  known BIGINT NOT NULL,
  first BIGINT NOT NULL
);

-- Failures to sign in, by a hash of who or where. Rows are forgotten.
CREATE TABLE staff_failure (
  subject BLOB PRIMARY KEY,
  failures BIGINT NOT NULL,
  last BIGINT NOT NULL
);
CREATE INDEX staff_failure_last ON staff_failure (last);

CREATE TABLE staff_invite (
  token_hash BLOB PRIMARY KEY,
  staff TEXT NOT NULL REFERENCES staff_member (id),
  expires BIGINT NOT NULL,
  used_at BIGINT
);

-- Answers to passkey challenges that were taken, so that none is taken twice.
CREATE TABLE staff_answered (
  challenge BLOB PRIMARY KEY,
  expires BIGINT NOT NULL
);
CREATE INDEX staff_answered_expires ON staff_answered (expires);

-- The key under which open passkey ceremonies travel through the browser.
CREATE TABLE staff_key (
  name TEXT PRIMARY KEY,
  key BLOB NOT NULL
);
