-- +goose Up
-- A decision asks whether a list was imported since the ones that the process
-- knows: the newest such entry of the chain says so.
CREATE INDEX ledger_lists ON ledger (tenant, seq DESC) WHERE kind = 'list_snapshot';
-- Nothing looks decisions up by the called party, or attempts by campaign, and
-- each decision paid for both.
DROP INDEX decisions_by_callee;
DROP INDEX attempts_by_campaign;

-- +goose Down
CREATE INDEX attempts_by_campaign ON attempts (tenant, campaign, placed_at DESC);
CREATE INDEX decisions_by_callee ON decisions (tenant, callee, decided_at DESC);
DROP INDEX ledger_lists;
