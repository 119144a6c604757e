-- +goose Up
CREATE TABLE calls (
    id           uuid PRIMARY KEY,           -- version 7: sorts by time of creation
    node         text NOT NULL CHECK (node <> ''),
    boot         uuid NOT NULL,              -- the run of the node's process that owns the call
    direction    text NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    door         text NOT NULL CHECK (door IN ('sip', 'twilio')),
    trunk        text NOT NULL DEFAULT '',
    from_number  text NOT NULL DEFAULT '',
    to_number    text NOT NULL DEFAULT '',
    agent        text NOT NULL DEFAULT '',
    state        text NOT NULL CHECK (state IN ('ringing', 'in_progress', 'ended')),
    started_at   timestamptz NOT NULL,
    answered_at  timestamptz,
    ended_at     timestamptz,
    end_reason   text NOT NULL DEFAULT '',
    fault        text NOT NULL DEFAULT ''
                 CHECK (fault IN ('', 'caller', 'agent', 'carrier', 'provider', 'trunkline', 'operator')),
    recording    text NOT NULL DEFAULT '',   -- file name in the recordings directory
    door_call_id text NOT NULL DEFAULT '',   -- SIP Call-ID, RFC 3261 section 20.8
    media        jsonb,                      -- counters of the audio, once known

    CONSTRAINT calls_ended_is_complete
        CHECK ((state = 'ended') = (ended_at IS NOT NULL)
               AND (state = 'ended') = (end_reason <> '')
               AND (state = 'ended') = (fault <> '')),
    CONSTRAINT calls_in_progress_is_answered
        CHECK (state <> 'in_progress' OR answered_at IS NOT NULL)
);

CREATE INDEX calls_by_time ON calls (started_at DESC, id DESC);
CREATE INDEX calls_by_state ON calls (state, started_at DESC, id DESC);
CREATE INDEX calls_open_by_node ON calls (node) WHERE state <> 'ended';
CREATE INDEX calls_by_door_call_id ON calls (door_call_id) WHERE door_call_id <> '';

CREATE TABLE turns (
    call_id     uuid NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    number      integer NOT NULL CHECK (number > 0),   -- both sides' turns, in the order they began
    role        text NOT NULL CHECK (role IN ('caller', 'agent')),
    said        text NOT NULL,
    heard       text NOT NULL,
    interrupted boolean NOT NULL DEFAULT false,
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    latency     jsonb NOT NULL DEFAULT '[]',           -- [{"stage": "endpoint", "ms": 240.5}, ...] in order
    total_ms    double precision,                      -- last speech packet in to first agent packet out

    PRIMARY KEY (call_id, number)
);

CREATE TABLE events (
    call_id uuid NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    seq     integer NOT NULL CHECK (seq >= 0),
    at_ns   bigint NOT NULL,                           -- since the call's started_at
    kind    text NOT NULL CHECK (kind <> ''),
    data    jsonb,

    PRIMARY KEY (call_id, seq)
);

-- +goose Down
DROP TABLE events;
DROP TABLE turns;
DROP TABLE calls;
