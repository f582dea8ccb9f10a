-- +goose Up
-- Who is to be erased, and when. The row goes with the account.
CREATE TABLE account_erasure (
  account TEXT PRIMARY KEY,
  asked BIGINT NOT NULL,
  due BIGINT NOT NULL,
  owner BIGINT NOT NULL -- 1: the customer asked, 0: the provider did
);
