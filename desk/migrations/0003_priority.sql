-- +goose Up
CREATE INDEX desk_case_live_priority_updated ON desk_case (priority, updated, number) WHERE status <> 'closed';
