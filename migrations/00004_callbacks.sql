-- +goose Up
-- What agents promised callers. A row is written before the caller is told.
-- The call's own row is written behind it, so there is no reference to it.
CREATE TABLE callbacks (
    key      text PRIMARY KEY CHECK (key <> ''),   -- names the promise: the same when it is tried again
    call_id  uuid NOT NULL,                        -- in which it was made
    number   text NOT NULL CHECK (number <> ''),
    due_at   timestamptz NOT NULL,
    name     text NOT NULL DEFAULT '',             -- of whom to ask for
    note     text NOT NULL DEFAULT '',
    made_at  timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX callbacks_by_call ON callbacks (call_id);
CREATE INDEX callbacks_by_time ON callbacks (due_at);

-- Callers who do not want to be called again.
CREATE TABLE opt_outs (
    key      text PRIMARY KEY CHECK (key <> ''),
    call_id  uuid NOT NULL,
    number   text NOT NULL CHECK (number <> ''),
    said     text NOT NULL DEFAULT '',             -- their words
    made_at  timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX opt_outs_by_call ON opt_outs (call_id);
CREATE INDEX opt_outs_by_number ON opt_outs (number);

-- +goose Down
DROP TABLE opt_outs;
DROP TABLE callbacks;
