-- +goose Up
-- An outsourcer's staff see the cases of their organisation alone: every order
-- and every list of the queue within one organisation.
CREATE INDEX desk_case_live_organisation_due ON desk_case (organisation, due, number) WHERE status <> 'closed';
CREATE INDEX desk_case_live_organisation_priority ON desk_case (organisation, priority, number) WHERE status <> 'closed';
CREATE INDEX desk_case_live_organisation_priority_updated ON desk_case (organisation, priority, updated, number) WHERE status <> 'closed';
CREATE INDEX desk_case_live_organisation_assignee ON desk_case (organisation, assignee, updated, number) WHERE status <> 'closed';
CREATE INDEX desk_case_organisation_status ON desk_case (organisation, status, updated, number);
