-- +goose Up
-- Clocks, priority, merging, hand-over. A case without a clock has due at its
-- greatest, so that one index sorts all.

ALTER TABLE desk_case ADD COLUMN priority BIGINT NOT NULL DEFAULT 2; -- 1 low, 2 normal, 3 high, 4 urgent
ALTER TABLE desk_case ADD COLUMN organisation TEXT NOT NULL DEFAULT ''; -- who works it, '' for nobody yet
ALTER TABLE desk_case ADD COLUMN outside BIGINT NOT NULL DEFAULT 0; -- 1: an outsourcer's
ALTER TABLE desk_case ADD COLUMN replied BIGINT NOT NULL DEFAULT 0; -- the first reply, 0 for none
ALTER TABLE desk_case ADD COLUMN used BIGINT NOT NULL DEFAULT 0; -- working milliseconds of the resolution clock before it last started
ALTER TABLE desk_case ADD COLUMN started BIGINT NOT NULL DEFAULT 0; -- when that was, 0 while it is paused
ALTER TABLE desk_case ADD COLUMN reply_due BIGINT NOT NULL DEFAULT 0; -- 0 for none
ALTER TABLE desk_case ADD COLUMN resolve_due BIGINT NOT NULL DEFAULT 0; -- 0 while paused
ALTER TABLE desk_case ADD COLUMN due BIGINT NOT NULL DEFAULT 9007199254740991; -- the next of the two
ALTER TABLE desk_case ADD COLUMN external_hook TEXT NOT NULL DEFAULT ''; -- the hook whose ticket external is, '' for any
ALTER TABLE desk_case ADD COLUMN merged_into TEXT NOT NULL DEFAULT '';
ALTER TABLE desk_case ADD COLUMN merged_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE desk_case ADD COLUMN handed_by TEXT NOT NULL DEFAULT ''; -- a name
ALTER TABLE desk_case ADD COLUMN handed_why TEXT NOT NULL DEFAULT '';

CREATE INDEX desk_case_live ON desk_case (updated, number) WHERE status <> 'closed';
CREATE INDEX desk_case_live_due ON desk_case (due, number) WHERE status <> 'closed';
CREATE INDEX desk_case_live_priority ON desk_case (priority, number) WHERE status <> 'closed';
CREATE INDEX desk_case_live_assignee ON desk_case (assignee, updated, number) WHERE status <> 'closed';
CREATE INDEX desk_case_live_assignee_due ON desk_case (assignee, due, number) WHERE status <> 'closed';
CREATE INDEX desk_case_live_outside ON desk_case (outside, updated, number) WHERE status <> 'closed';
CREATE INDEX desk_case_live_organisation ON desk_case (organisation, updated, number) WHERE status <> 'closed';
CREATE INDEX desk_case_merged ON desk_case (merged_into) WHERE merged_into <> '';
CREATE INDEX desk_case_external ON desk_case (external) WHERE external <> '';
CREATE INDEX desk_case_address ON desk_case (address, updated);

CREATE TABLE desk_target (
	organisation TEXT NOT NULL,
	priority     BIGINT NOT NULL,
	reply        BIGINT NOT NULL, -- working milliseconds until the first reply
	resolve      BIGINT NOT NULL, -- and until the case is closed
	PRIMARY KEY (organisation, priority)
);
CREATE TABLE desk_hours (
	organisation TEXT PRIMARY KEY,
	hours        TEXT NOT NULL -- '' for always
);

CREATE TABLE desk_view (
	id           TEXT PRIMARY KEY,
	owner        TEXT NOT NULL, -- a member of staff, '' for shared
	organisation TEXT NOT NULL, -- whose members see a shared one
	name         TEXT NOT NULL,
	filter       TEXT NOT NULL, -- as in an address: "status=open&mine=1"
	made         BIGINT NOT NULL
);
CREATE INDEX desk_view_owner ON desk_view (owner, organisation);

CREATE TABLE desk_macro (
	id           TEXT PRIMARY KEY,
	organisation TEXT NOT NULL,
	name         TEXT NOT NULL,
	fr           TEXT NOT NULL,
	en           TEXT NOT NULL
);
CREATE INDEX desk_macro_organisation ON desk_macro (organisation, name);

-- The outbox of replies. A row exists for replies alone, never for notes.
CREATE TABLE desk_letter (
	n        SERIAL_KEY,
	id       TEXT NOT NULL UNIQUE, -- of which the mail's Message-ID is made
	case_id  TEXT NOT NULL,
	staff_name TEXT NOT NULL,
	text     TEXT NOT NULL, -- emptied when it is sent: the post has it
	made     BIGINT NOT NULL,
	sent     BIGINT NOT NULL, -- 0 until then
	given_up BIGINT NOT NULL, -- 0, or when: there is no such mailbox any more
	tries    BIGINT NOT NULL,
	next     BIGINT NOT NULL
);
CREATE INDEX desk_letter_waiting ON desk_letter (next) WHERE sent = 0 AND given_up = 0;
CREATE INDEX desk_letter_case ON desk_letter (case_id, n);
