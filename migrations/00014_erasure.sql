-- +goose Up
-- A recording's file is erased by the node that has it, some time after that
-- was decided.
ALTER TABLE recordings ADD COLUMN erase_from timestamptz; -- null: it is kept
CREATE INDEX recordings_to_erase ON recordings (call_id) WHERE erase_from IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX calls_by_end ON calls (ended_at, id) WHERE ended_at IS NOT NULL;

-- +goose Down
DROP INDEX calls_by_end;
DROP INDEX recordings_to_erase;
ALTER TABLE recordings DROP COLUMN erase_from;
