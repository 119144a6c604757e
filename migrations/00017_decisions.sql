-- +goose Up
-- A decision asks whether a list was imported since the ones that the process
-- knows: the newest such entry of the chain says so.
CREATE INDEX ledger_lists ON ledger (tenant, seq DESC) WHERE kind = 'list_snapshot';
-- A decision's entry stays in its page, in place of some pieces beside the table
-- with an index of their own.
ALTER TABLE ledger SET (toast_tuple_target = 8160);
-- Nothing looks decisions up by the called party, or attempts by campaign, and
-- each decision paid for both.
DROP INDEX decisions_by_callee;
DROP INDEX attempts_by_campaign;

-- +goose Down
CREATE INDEX attempts_by_campaign ON attempts (tenant, campaign, placed_at DESC);
CREATE INDEX decisions_by_callee ON decisions (tenant, callee, decided_at DESC);
ALTER TABLE ledger RESET (toast_tuple_target);
DROP INDEX ledger_lists;
