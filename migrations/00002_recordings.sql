-- +goose Up
CREATE TABLE recordings (
    call_id        uuid PRIMARY KEY REFERENCES calls (id) ON DELETE CASCADE,
    file           text NOT NULL CHECK (file <> ''),      -- name in the recordings directory
    key_id         text NOT NULL DEFAULT '',              -- of the key that wraps the file's; empty: not encrypted
    length_ms      double precision NOT NULL,
    paused_ms      double precision NOT NULL DEFAULT 0,   -- of length_ms, hidden by pauses
    bytes          bigint NOT NULL,                       -- of the file as stored
    sha256         text NOT NULL,                         -- of the file as stored, hexadecimal
    cut            boolean NOT NULL DEFAULT false,        -- it ends before its call does
    problem        text NOT NULL DEFAULT '',              -- why
    uploaded_at    timestamptz,
    uploaded_to    text NOT NULL DEFAULT '',              -- URL without query and user
    upload_tries   integer NOT NULL DEFAULT 0,
    upload_problem text NOT NULL DEFAULT '',              -- of the latest try; empty when it succeeded
    deleted_at     timestamptz                            -- the local file
);

-- +goose Down
DROP TABLE recordings;
