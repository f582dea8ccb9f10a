-- +goose Up
CREATE TABLE mail_message (
    num       INTEGER PRIMARY KEY, -- account's number << 32 | sequence: an account's rows lie together
    account   BLOB   NOT NULL,
    id        BLOB   NOT NULL,
    received  BIGINT NOT NULL,
    size      BIGINT NOT NULL,
    bits      BIGINT NOT NULL,
    thread    BLOB   NOT NULL,
    mid       BLOB,
    places    BIGINT NOT NULL, -- placements that name it
    meta      BLOB   NOT NULL,
    structure BLOB   NOT NULL
);
CREATE UNIQUE INDEX mail_message_id ON mail_message (account, id);
CREATE INDEX mail_message_thread ON mail_message (account, thread);
CREATE INDEX mail_message_mid ON mail_message (account, mid) WHERE mid IS NOT NULL;

CREATE TABLE mail_placement (
    account  BLOB   NOT NULL,
    mailbox  BLOB   NOT NULL,
    uid      BIGINT NOT NULL,
    num      BIGINT NOT NULL,
    modseq   BIGINT NOT NULL,
    flags    BIGINT NOT NULL,
    keywords TEXT   NOT NULL,
    received BIGINT NOT NULL,
    size     BIGINT NOT NULL,
    PRIMARY KEY (account, mailbox, uid)
) WITHOUT ROWID;
CREATE INDEX mail_placement_modseq ON mail_placement (account, mailbox, modseq);
CREATE INDEX mail_placement_received ON mail_placement (account, mailbox, received);
CREATE INDEX mail_placement_num ON mail_placement (num);

-- Rowids are mail_message.num. The words come folded and apart from one
-- another, so the plainest tokenizer is the right one.
CREATE VIRTUAL TABLE mail_fts USING fts5 (subject, sender, recipients, body,
    content='', contentless_delete=1, tokenize='ascii');
