-- +goose Up
-- What a court or an authority wants kept: it outlives every time limit and
-- every erasure until it is released.
CREATE TABLE legal_holds (
    id      uuid PRIMARY KEY REFERENCES ledger (id),
    tenant  text NOT NULL,
    callee  bytea CHECK (length(callee) = 32),    -- all calls with a number; or
    call_id uuid,                                 -- one call
    matter  text NOT NULL CHECK (matter <> ''),
    made_at timestamptz NOT NULL,

    CHECK ((callee IS NULL) <> (call_id IS NULL))
);

CREATE INDEX legal_holds_by_call ON legal_holds (call_id) WHERE call_id IS NOT NULL;

CREATE TABLE legal_hold_releases (
    id          uuid PRIMARY KEY REFERENCES ledger (id),
    tenant      text NOT NULL,
    hold_id     uuid NOT NULL UNIQUE REFERENCES legal_holds (id),
    released_at timestamptz NOT NULL
);

-- +goose StatementBegin
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['legal_holds', 'legal_hold_releases'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()',
            name || '_is_insert_only', name);
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'trunkline_service') THEN
            EXECUTE format('REVOKE ALL ON %I FROM trunkline_service', name);
            EXECUTE format('GRANT SELECT, INSERT ON %I TO trunkline_service', name);
        END IF;
    END LOOP;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP TABLE legal_hold_releases, legal_holds;
