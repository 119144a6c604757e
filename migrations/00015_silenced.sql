-- +goose Up
-- What a recording may not hold, such as a card number, is erased from it.
ALTER TABLE recordings ADD COLUMN silenced_ms double precision NOT NULL DEFAULT 0; -- of length_ms
ALTER TABLE recordings ADD COLUMN destroyed text NOT NULL DEFAULT '';              -- why all of it was; empty: it was not

-- +goose Down
ALTER TABLE recordings DROP COLUMN destroyed;
ALTER TABLE recordings DROP COLUMN silenced_ms;
