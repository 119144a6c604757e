-- +goose Up
ALTER TABLE calls
    ADD COLUMN attestation text NOT NULL DEFAULT '' -- STIR/SHAKEN, as the carrier verified it; empty: the door was not told
        CONSTRAINT calls_attestation_check CHECK (attestation IN ('', 'none', 'failed', 'A', 'B', 'C'));

-- +goose Down
ALTER TABLE calls DROP COLUMN attestation;
