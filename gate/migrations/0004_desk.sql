-- +goose Up

-- Who asked first that all support power be let in again: a second person agrees.
ALTER TABLE gate_containment ADD COLUMN lift_asked_by TEXT NOT NULL DEFAULT '';
ALTER TABLE gate_containment ADD COLUMN lift_asked_name TEXT NOT NULL DEFAULT '';
CREATE INDEX gate_containment_stopped ON gate_containment (kind) WHERE lifted_at = 0;
