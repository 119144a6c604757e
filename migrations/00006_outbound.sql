-- +goose Up
ALTER TABLE calls
    ADD COLUMN decision_id uuid,                     -- of the compliance gate; calls that we place
    ADD COLUMN attempt_id  uuid,                     -- of the attempt that the gate recorded
    ADD COLUMN purpose     text NOT NULL DEFAULT '',
    ADD COLUMN campaign    text NOT NULL DEFAULT '',
    ADD COLUMN answered_by text NOT NULL DEFAULT '', -- human, machine, ...; empty until known
    ADD COLUMN greeted_at  timestamptz,              -- the callee's greeting ended
    ADD COLUMN opened_at   timestamptz,              -- the agent was first heard
    DROP CONSTRAINT calls_state_check,
    DROP CONSTRAINT calls_fault_check,
    ADD CONSTRAINT calls_state_check CHECK (state IN ('dialing', 'ringing', 'in_progress', 'ended')),
    ADD CONSTRAINT calls_fault_check
        CHECK (fault IN ('', 'caller', 'callee', 'agent', 'carrier', 'provider', 'trunkline', 'operator'));

CREATE INDEX calls_by_attempt ON calls (attempt_id) WHERE attempt_id IS NOT NULL;
CREATE INDEX calls_by_campaign ON calls (campaign, started_at) WHERE campaign <> '';

-- +goose Down
UPDATE calls SET state = 'ringing' WHERE state = 'dialing';
UPDATE calls SET fault = 'carrier' WHERE fault = 'callee';
ALTER TABLE calls
    DROP CONSTRAINT calls_fault_check,
    DROP CONSTRAINT calls_state_check,
    ADD CONSTRAINT calls_state_check CHECK (state IN ('ringing', 'in_progress', 'ended')),
    ADD CONSTRAINT calls_fault_check
        CHECK (fault IN ('', 'caller', 'agent', 'carrier', 'provider', 'trunkline', 'operator')),
    DROP COLUMN decision_id, DROP COLUMN attempt_id, DROP COLUMN purpose, DROP COLUMN campaign,
    DROP COLUMN answered_by, DROP COLUMN greeted_at, DROP COLUMN opened_at;
