-- +goose Up

-- How far each feed was read: "staff", "ledger".
CREATE TABLE response_cursor (
  feed TEXT PRIMARY KEY,
  position BIGINT NOT NULL
);

-- Whose mail a member of staff saw, and when last. One row per pair is enough
-- to count the different accounts of any window that ends now.
CREATE TABLE response_reach (
  staff TEXT NOT NULL,
  account TEXT NOT NULL,
  last BIGINT NOT NULL,
  PRIMARY KEY (staff, account)
);
CREATE INDEX response_reach_last ON response_reach (staff, last);
CREATE INDEX response_reach_age ON response_reach (last);

-- What is known of each session: whether it came from a network that was new
-- for its member, and what it was shown.
CREATE TABLE response_session (
  session TEXT PRIMARY KEY,
  staff TEXT NOT NULL,
  credential TEXT NOT NULL,
  network TEXT NOT NULL,
  fresh BIGINT NOT NULL,
  shown BIGINT NOT NULL,
  deepest BIGINT NOT NULL,
  last BIGINT NOT NULL
);
CREATE INDEX response_session_staff ON response_session (staff, last);
CREATE INDEX response_session_credential ON response_session (credential);
CREATE TABLE response_session_network (
  session TEXT NOT NULL,
  network TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (session, network)
);
CREATE INDEX response_session_by_network ON response_session_network (network);

-- Refusals of one member since something was last shown to them.
CREATE TABLE response_streak (
  staff TEXT PRIMARY KEY,
  refusals BIGINT NOT NULL,
  first BIGINT NOT NULL
);

-- Guarded messages that a member reached, for a day.
CREATE TABLE response_guarded (
  staff TEXT NOT NULL,
  message TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (staff, message)
);

CREATE TABLE response_alert (
  id TEXT PRIMARY KEY,
  rule TEXT NOT NULL,
  severity BIGINT NOT NULL,
  status TEXT NOT NULL,
  at BIGINT NOT NULL,
  first BIGINT NOT NULL,
  last BIGINT NOT NULL,
  count BIGINT NOT NULL,
  staff TEXT NOT NULL,
  credential TEXT NOT NULL,
  network TEXT NOT NULL,
  figures TEXT NOT NULL,
  incident TEXT,
  closed_at BIGINT,
  closed_by TEXT,
  closed_why TEXT
);
-- One open alert per rule and member: what comes after is added to it.
CREATE UNIQUE INDEX response_alert_open ON response_alert (rule, staff) WHERE status <> 'dismissed' AND status <> 'closed';
CREATE INDEX response_alert_status ON response_alert (status, last);
CREATE INDEX response_alert_incident ON response_alert (incident);

CREATE TABLE response_evidence (
  alert TEXT NOT NULL REFERENCES response_alert (id),
  feed TEXT NOT NULL,
  position BIGINT NOT NULL,
  at BIGINT NOT NULL,
  kind TEXT NOT NULL,
  session TEXT NOT NULL,
  network TEXT NOT NULL,
  account TEXT NOT NULL,
  tier BIGINT NOT NULL,
  messages BIGINT NOT NULL,
  PRIMARY KEY (alert, feed, position)
);

CREATE TABLE response_incident (
  id TEXT PRIMARY KEY,
  number BIGINT NOT NULL UNIQUE,
  title TEXT NOT NULL,
  state TEXT NOT NULL,
  severity BIGINT NOT NULL,
  cause TEXT NOT NULL,
  lead TEXT NOT NULL,
  lead_name TEXT NOT NULL,
  opened BIGINT NOT NULL,
  aware BIGINT NOT NULL,
  contained BIGINT,
  scoped BIGINT,
  notified BIGINT,
  closed BIGINT
);

-- Append-only: triggers refuse anything else.
CREATE TABLE response_timeline (
  seq SERIAL_KEY,
  incident TEXT NOT NULL REFERENCES response_incident (id),
  at BIGINT NOT NULL,
  kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  text TEXT NOT NULL,
  facts TEXT NOT NULL,
  position BIGINT
);
CREATE INDEX response_timeline_incident ON response_timeline (incident, seq);

CREATE TABLE response_task (
  incident TEXT NOT NULL REFERENCES response_incident (id),
  number BIGINT NOT NULL,
  name TEXT NOT NULL,
  text TEXT NOT NULL,
  state TEXT NOT NULL,
  holder TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (incident, number)
);

-- Written before the gate is asked, so that a crash leaves a trace of the try.
CREATE TABLE response_containment (
  id TEXT PRIMARY KEY,
  incident TEXT REFERENCES response_incident (id),
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  label TEXT NOT NULL,
  why TEXT NOT NULL,
  actor TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  asked BIGINT NOT NULL,
  gate TEXT,
  seq BIGINT,
  ended BIGINT,
  sessions BIGINT NOT NULL,
  grants BIGINT NOT NULL,
  took BIGINT NOT NULL,
  lifted BIGINT,
  lifted_by TEXT,
  lifted_why TEXT
);
CREATE INDEX response_containment_incident ON response_containment (incident, asked);

CREATE TABLE response_scope (
  incident TEXT NOT NULL REFERENCES response_incident (id),
  version BIGINT NOT NULL,
  made BIGINT NOT NULL,
  maker TEXT NOT NULL,
  maker_name TEXT NOT NULL,
  selector TEXT NOT NULL,
  totals TEXT NOT NULL,
  took BIGINT NOT NULL,
  PRIMARY KEY (incident, version)
);

CREATE TABLE response_exposure (
  incident TEXT NOT NULL,
  version BIGINT NOT NULL,
  account TEXT NOT NULL,
  tier BIGINT NOT NULL,
  certainty TEXT NOT NULL,
  first BIGINT NOT NULL,
  last BIGINT NOT NULL,
  messages BIGINT NOT NULL,
  disclosures BIGINT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (incident, version, account, tier)
);

CREATE TABLE response_batch (
  incident TEXT NOT NULL REFERENCES response_incident (id),
  version BIGINT NOT NULL,
  scope BIGINT NOT NULL,
  state TEXT NOT NULL,
  drafted BIGINT NOT NULL,
  drafter TEXT NOT NULL,
  drafter_name TEXT NOT NULL,
  submitted BIGINT,
  answered BIGINT,
  approver TEXT,
  approver_name TEXT,
  released BIGINT,
  finished BIGINT,
  PRIMARY KEY (incident, version)
);

CREATE TABLE response_notice (
  id TEXT NOT NULL,
  version BIGINT NOT NULL,
  incident TEXT NOT NULL,
  account TEXT NOT NULL,
  code TEXT NOT NULL,
  kind TEXT NOT NULL,
  locale TEXT NOT NULL,
  subject TEXT NOT NULL,
  text TEXT NOT NULL,
  state TEXT NOT NULL,
  tries BIGINT NOT NULL,
  not_before BIGINT NOT NULL,
  problem TEXT NOT NULL,
  sent BIGINT,
  PRIMARY KEY (id, version)
);
CREATE UNIQUE INDEX response_notice_account ON response_notice (incident, version, account);
CREATE INDEX response_notice_of ON response_notice (account);
CREATE INDEX response_notice_waiting ON response_notice (incident, version, state);
