-- +goose Up

-- What a directory knows a member by (RFC 7643, 3.1). A member that the
-- directory deleted is not listed to it, and stays here for the ledger's sake.
ALTER TABLE staff_member ADD COLUMN external_id TEXT NOT NULL DEFAULT '';
ALTER TABLE staff_member ADD COLUMN email TEXT NOT NULL DEFAULT '';
ALTER TABLE staff_member ADD COLUMN unlisted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE staff_member ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX staff_member_external ON staff_member (organisation, external_id) WHERE external_id <> '';
CREATE INDEX staff_member_organisation ON staff_member (organisation, login);

-- Whom another provider's subject is, for good (OpenID Connect Core, 2). The
-- credential is what containment ends.
CREATE TABLE staff_link (
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  credential TEXT NOT NULL UNIQUE REFERENCES staff_credential (id),
  PRIMARY KEY (issuer, subject)
);

-- The provider's own name for the sign-in a session came of, for its logout.
CREATE TABLE staff_link_session (
  session TEXT PRIMARY KEY REFERENCES staff_session (id),
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  sid TEXT NOT NULL,
  context TEXT NOT NULL
);
CREATE INDEX staff_link_session_subject ON staff_link_session (issuer, subject);

-- Logout tokens that were taken, so that none is taken twice.
CREATE TABLE staff_logout (
  issuer TEXT NOT NULL,
  jti TEXT NOT NULL,
  expires BIGINT NOT NULL,
  PRIMARY KEY (issuer, jti)
);
