-- +goose Up
-- How many of a campaign's calls were abandoned is counted over a month, again
-- and again: from the index alone, and of the calls that count.
CREATE INDEX calls_live_by_campaign ON calls (campaign, started_at) INCLUDE (attempt_id, answered_at, greeted_at, opened_at)
    WHERE state = 'ended' AND answered_at IS NOT NULL AND attempt_id IS NOT NULL AND answered_by NOT IN ('machine', 'fax');

-- +goose Down
DROP INDEX calls_live_by_campaign;
