-- +goose Up
ALTER TABLE calls
    ADD COLUMN costs jsonb NOT NULL DEFAULT '[]',  -- [{"stage": "think", "provider": "openai", "amount": 0.0123}, ...]
    ADD COLUMN cost  numeric NOT NULL DEFAULT 0;   -- their sum, in the currency of the configured prices

-- +goose Down
ALTER TABLE calls DROP COLUMN cost, DROP COLUMN costs;
