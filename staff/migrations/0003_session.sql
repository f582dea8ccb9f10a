-- +goose Up

-- What an organisation keeps its members to. Lists are separated by spaces;
-- empty is no limit.
ALTER TABLE staff_organisation ADD COLUMN domains TEXT NOT NULL DEFAULT '';
ALTER TABLE staff_organisation ADD COLUMN networks TEXT NOT NULL DEFAULT '';
ALTER TABLE staff_organisation ADD COLUMN hours TEXT NOT NULL DEFAULT '';
ALTER TABLE staff_organisation ADD COLUMN max_members BIGINT NOT NULL DEFAULT 0;
ALTER TABLE staff_organisation ADD COLUMN device TEXT NOT NULL DEFAULT '';
ALTER TABLE staff_organisation ADD COLUMN passkey_only BIGINT NOT NULL DEFAULT 0;

-- When the member last proved to be there (0: at the sign-in), the end of the
-- shift, the thumbprint of the browser's key, and when a request without the
-- key was last written down.
ALTER TABLE staff_session ADD COLUMN proved BIGINT NOT NULL DEFAULT 0;
ALTER TABLE staff_session ADD COLUMN shift BIGINT;
ALTER TABLE staff_session ADD COLUMN device TEXT NOT NULL DEFAULT '';
ALTER TABLE staff_session ADD COLUMN device_refused BIGINT NOT NULL DEFAULT 0;
