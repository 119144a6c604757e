-- +goose Up
-- How the jobs of each kind do: the queue forgets what is done.
CREATE TABLE job_runs (
    kind     text PRIMARY KEY CHECK (kind <> ''),
    since    timestamptz NOT NULL DEFAULT now(), -- from when on the others are known
    began_at timestamptz,                        -- of the latest attempt; null: none was made
    ended_at timestamptz,
    done_at  timestamptz,                        -- of the latest that succeeded
    node     text NOT NULL DEFAULT '',
    progress jsonb,                              -- what the latest attempt showed last
    failure  text NOT NULL DEFAULT '',           -- of the latest attempt; empty: it succeeded
    runs     bigint NOT NULL DEFAULT 0,
    failures bigint NOT NULL DEFAULT 0
);

-- +goose Down
DROP TABLE job_runs;
