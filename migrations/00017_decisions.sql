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

-- As before, but with one INSERT for all entries: to begin a statement for each
-- took longer than to make its hash. Of two with one id the first counts.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION ledger_append(of_tenant text, ids uuid[], kinds text[], entries text[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last   bigint;
    head   bytea;
    fresh  integer[]; -- places of those that are not in the chain, in their order
    hashes bytea[] := '{}';
    i      integer;
BEGIN
    -- One transaction after another adds to a tenant's chain.
    PERFORM pg_advisory_xact_lock(20547, hashtext(of_tenant));
    SELECT seq, hash INTO last, head FROM ledger WHERE tenant = of_tenant ORDER BY seq DESC LIMIT 1;
    IF NOT FOUND THEN
        last := 0;
        head := decode(repeat('00', 32), 'hex');
    END IF;
    SELECT coalesce(array_agg(u.place ORDER BY u.place), '{}') INTO fresh
        FROM (SELECT n.id, min(n.place)::integer AS place FROM unnest(ids) WITH ORDINALITY AS n (id, place) GROUP BY n.id) u
        WHERE NOT EXISTS (SELECT FROM ledger l WHERE l.id = u.id);
    FOR n IN 1 .. cardinality(fresh) LOOP
        i := fresh[n];
        head := sha256(head || int8send(last + n) || convert_to(entries[i], 'UTF8'));
        hashes := hashes || head;
    END LOOP;
    INSERT INTO ledger (tenant, seq, id, kind, entry, hash)
        SELECT of_tenant, last + u.n, ids[u.place], kinds[u.place], entries[u.place], u.hash
        FROM unnest(fresh, hashes) WITH ORDINALITY AS u (place, hash, n);
    RETURN cardinality(fresh);
END $$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION ledger_append(of_tenant text, ids uuid[], kinds text[], entries text[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last  bigint;
    head  bytea;
    added integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(20547, hashtext(of_tenant));
    SELECT seq, hash INTO last, head FROM ledger WHERE tenant = of_tenant ORDER BY seq DESC LIMIT 1;
    IF NOT FOUND THEN
        last := 0;
        head := decode(repeat('00', 32), 'hex');
    END IF;
    FOR i IN 1 .. cardinality(ids) LOOP
        CONTINUE WHEN EXISTS (SELECT FROM ledger WHERE id = ids[i]);
        last := last + 1;
        head := sha256(head || int8send(last) || convert_to(entries[i], 'UTF8'));
        INSERT INTO ledger (tenant, seq, id, kind, entry, hash) VALUES (of_tenant, last, ids[i], kinds[i], entries[i], head);
        added := added + 1;
    END LOOP;
    RETURN added;
END $$;
-- +goose StatementEnd
CREATE INDEX attempts_by_campaign ON attempts (tenant, campaign, placed_at DESC);
CREATE INDEX decisions_by_callee ON decisions (tenant, callee, decided_at DESC);
ALTER TABLE ledger RESET (toast_tuple_target);
DROP INDEX ledger_lists;
