-- +goose Up

-- Browsers' keys, by thumbprint, that let nobody in any more.
CREATE TABLE staff_device_block (
  device TEXT PRIMARY KEY,
  at BIGINT NOT NULL
);
