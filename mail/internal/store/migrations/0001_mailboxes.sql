-- +goose Up
-- One row per account. Whoever changes an account's mail updates it first,
-- which makes the changes of one account follow one another.
CREATE TABLE mail_state (
    account    BLOB   NOT NULL PRIMARY KEY,
    number     BIGINT NOT NULL, -- high half of mail_message.num
    next_seq   BIGINT NOT NULL, -- low half of the next one
    validity   BIGINT NOT NULL, -- the last UIDVALIDITY given
    used_bytes BIGINT NOT NULL,
    messages   BIGINT NOT NULL,
    change     BIGINT NOT NULL
);

CREATE TABLE mail_mailbox (
    account    BLOB   NOT NULL,
    id         BLOB   NOT NULL,
    name       TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    validity   BIGINT NOT NULL,
    uid_next   BIGINT NOT NULL,
    modseq     BIGINT NOT NULL, -- HIGHESTMODSEQ
    total      BIGINT NOT NULL,
    unseen     BIGINT NOT NULL,
    deleted    BIGINT NOT NULL,
    bytes      BIGINT NOT NULL,
    subscribed BIGINT NOT NULL,
    PRIMARY KEY (account, id),
    UNIQUE (account, name)
);

-- What an expunge removed, one row for each: RFC 7162, 3.2.10.
CREATE TABLE mail_expunged (
    account BLOB   NOT NULL,
    mailbox BLOB   NOT NULL,
    modseq  BIGINT NOT NULL,
    uids    TEXT   NOT NULL, -- "3:7,9"
    PRIMARY KEY (account, mailbox, modseq)
);

-- Hashes of Message-IDs and base subjects, each with the thread it is in.
CREATE TABLE mail_thread (
    account BLOB   NOT NULL,
    ref     BLOB   NOT NULL,
    thread  BLOB   NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (account, ref)
);

CREATE TABLE mail_trace (
    account  BLOB   NOT NULL,
    at       BIGINT NOT NULL,
    id       BLOB   NOT NULL, -- orders rows of one millisecond
    message  BLOB,
    mid      BLOB,            -- hash of the Message-ID field
    event    TEXT   NOT NULL,
    sender   TEXT   NOT NULL,
    verdicts TEXT   NOT NULL,
    mailbox  TEXT   NOT NULL,
    detail   TEXT   NOT NULL,
    PRIMARY KEY (account, at, id)
);

-- Messages that are gone, until their blobs are.
CREATE TABLE mail_doomed (
    account BLOB   NOT NULL,
    id      BLOB   NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (account, id)
);

-- Receipts that were used, until long after they would be too old anyway.
CREATE TABLE mail_spent (
    account    BLOB   NOT NULL,
    disclosure BLOB   NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (account, disclosure)
);
