-- +goose Up
-- What the law needs (docs/compliance-officer.md): rows are added and never
-- changed. Each is an entry of its tenant's ledger, a chain of hashes; the
-- other tables hold what is looked up and what constraints must see.
--
-- Telephone numbers of called parties stand here as a key, HMAC-SHA-256 of the
-- number, and sealed. Both keys are outside the database.

-- +goose StatementBegin
DO $$ BEGIN
    -- The gateway works as this role, which may add evidence and not change it.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'trunkline_service') THEN
        CREATE ROLE trunkline_service NOLOGIN;
        EXECUTE format('GRANT trunkline_service TO %I', current_user);
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL; -- another database's migration made it just now
    WHEN insufficient_privilege THEN
        RAISE WARNING 'the role trunkline_service cannot be made: let an administrator run CREATE ROLE trunkline_service NOLOGIN, GRANT it to the login of the gateway, and migrate down and up again';
END $$;
-- +goose StatementEnd

CREATE TABLE ledger (
    tenant text NOT NULL CHECK (tenant <> ''),
    seq    bigint NOT NULL CHECK (seq > 0),   -- without gaps
    id     uuid NOT NULL UNIQUE,
    kind   text NOT NULL CHECK (kind <> ''),
    entry  text NOT NULL,                     -- canonical JSON (RFC 8785, whole numbers)
    hash   bytea NOT NULL CHECK (length(hash) = 32),

    PRIMARY KEY (tenant, seq)
);

-- Which key the numbers are hashed with: another one would find nothing.
CREATE TABLE evidence_keys (
    fingerprint bytea PRIMARY KEY CHECK (length(fingerprint) = 32),
    made_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE decisions (
    id          uuid PRIMARY KEY REFERENCES ledger (id),
    tenant      text NOT NULL,
    callee      bytea NOT NULL CHECK (length(callee) = 32),
    allow       boolean NOT NULL,
    decided_at  timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,         -- the last instant at which the call may begin
    ruleset     text NOT NULL,

    CHECK (allow OR valid_until <= decided_at),
    UNIQUE (id, tenant, callee, allow)
);

CREATE INDEX decisions_by_callee ON decisions (tenant, callee, decided_at DESC);

-- A dial, whatever came of it. No row without a decision that allows exactly
-- this one, and that is not too old.
CREATE TABLE attempts (
    id          uuid PRIMARY KEY REFERENCES ledger (id),
    tenant      text NOT NULL,
    callee      bytea NOT NULL,
    decision_id uuid NOT NULL UNIQUE,
    allowed     boolean NOT NULL DEFAULT true CHECK (allowed),
    call_id     uuid NOT NULL,
    seller      text NOT NULL,
    campaign    text NOT NULL,
    subject     text NOT NULL DEFAULT '',
    debt        text NOT NULL DEFAULT '',
    placed_at   timestamptz NOT NULL,
    replaces    uuid UNIQUE REFERENCES attempts (id), -- admitted for the same call, and never dialed

    FOREIGN KEY (decision_id, tenant, callee, allowed) REFERENCES decisions (id, tenant, callee, allow)
);

CREATE INDEX attempts_by_callee ON attempts (tenant, callee, placed_at DESC);
CREATE INDEX attempts_by_campaign ON attempts (tenant, campaign, placed_at DESC);
CREATE INDEX attempts_by_call ON attempts (call_id);

-- +goose StatementBegin
CREATE FUNCTION refuse_stale_decision() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    until timestamptz;
BEGIN
    SELECT valid_until INTO until FROM decisions WHERE id = NEW.decision_id;
    IF until < greatest(NEW.placed_at, clock_timestamp()) THEN
        RAISE EXCEPTION 'the decision % was valid until %', NEW.decision_id, until
            USING ERRCODE = 'check_violation', CONSTRAINT = 'attempts_decision_is_fresh';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

CREATE TRIGGER attempts_decision_is_fresh BEFORE INSERT ON attempts
    FOR EACH ROW EXECUTE FUNCTION refuse_stale_decision();

-- 47 CFR 64.1200(f)(9), 16 CFR 310.5(a)(8).
CREATE TABLE consents (
    id                 uuid PRIMARY KEY REFERENCES ledger (id),
    tenant             text NOT NULL,
    callee             bytea NOT NULL CHECK (length(callee) = 32),
    sealed             bytea NOT NULL,            -- number, name, address and user agent of the person
    seller             text NOT NULL CHECK (seller <> ''),
    seller_legal_name  text NOT NULL DEFAULT '',
    level              text NOT NULL CHECK (level IN ('none', 'inquiry', 'pec', 'pewc')),
    purposes           text[] NOT NULL,
    subject            text NOT NULL DEFAULT '',
    channels           text[] NOT NULL DEFAULT '{}',
    scope              text NOT NULL DEFAULT '',
    disclosure_text    text NOT NULL DEFAULT '',  -- word for word as it was shown
    disclosure_sha256  text NOT NULL DEFAULT '',
    request_sha256     text NOT NULL DEFAULT '',  -- of the request in the manner and format in which it was shown
    given_sha256       text NOT NULL DEFAULT '',  -- of the consent as it was given
    evidence_uri       text NOT NULL DEFAULT '',
    evidence_sha256    text NOT NULL DEFAULT '',
    signature_kind     text NOT NULL DEFAULT '',
    signature_value    text NOT NULL DEFAULT '',
    not_condition      boolean NOT NULL,
    artificial_voice   boolean NOT NULL,
    captured_at        timestamptz NOT NULL,
    received_at        timestamptz NOT NULL,
    effective_at       timestamptz NOT NULL,
    expires_at         timestamptz,
    method             text NOT NULL DEFAULT '',
    url                text NOT NULL DEFAULT '',
    form_version       text NOT NULL DEFAULT '',
    lead_source        text NOT NULL DEFAULT '',
    contract_id        text NOT NULL DEFAULT '',
    recording_uri      text NOT NULL DEFAULT ''   -- of an oral consent
);

CREATE INDEX consents_by_callee ON consents (tenant, callee);

CREATE TABLE consent_revocations (
    id         uuid PRIMARY KEY REFERENCES ledger (id),
    tenant     text NOT NULL,
    consent_id uuid NOT NULL REFERENCES consents (id),
    revoked_at timestamptz NOT NULL,
    method     text NOT NULL,
    call_id    uuid
);

CREATE INDEX consent_revocations_by_consent ON consent_revocations (consent_id);

-- A standing order not to call. It never expires, and outlives the erasure of
-- everything else about the person.
CREATE TABLE suppressions (
    id       uuid PRIMARY KEY REFERENCES ledger (id),
    tenant   text NOT NULL,
    callee   bytea NOT NULL CHECK (length(callee) = 32),
    sealed   bytea NOT NULL,                      -- the number, and the words that asked for it
    scope    text NOT NULL CHECK (scope IN ('everything', 'tenant', 'seller', 'marketing', 'campaign')),
    seller   text NOT NULL DEFAULT '',
    campaign text NOT NULL DEFAULT '',
    cause    text NOT NULL CHECK (cause <> ''),
    made_at  timestamptz NOT NULL,
    call_id  uuid,

    CHECK (scope NOT IN ('seller', 'marketing') OR seller <> ''),
    CHECK (scope <> 'campaign' OR campaign <> '')
);

CREATE INDEX suppressions_by_callee ON suppressions (tenant, callee);
CREATE INDEX suppressions_by_call ON suppressions (call_id) WHERE call_id IS NOT NULL;

-- A later opt-in, with its evidence, lifts a suppression.
CREATE TABLE suppression_lifts (
    id             uuid PRIMARY KEY REFERENCES ledger (id),
    tenant         text NOT NULL,
    suppression_id uuid NOT NULL REFERENCES suppressions (id),
    consent_id     uuid NOT NULL REFERENCES consents (id),
    lifted_at      timestamptz NOT NULL
);

CREATE INDEX suppression_lifts_by_suppression ON suppression_lifts (suppression_id);

-- Versions of do-not-call lists. The newest of each is used.
CREATE TABLE list_snapshots (
    id          uuid PRIMARY KEY REFERENCES ledger (id),
    tenant      text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('national', 'state', 'internal', 'litigator')),
    state       text NOT NULL DEFAULT '',
    account     text NOT NULL DEFAULT '',
    obtained_at timestamptz NOT NULL,
    imported_at timestamptz NOT NULL,
    sha256      text NOT NULL,                    -- of the file
    everywhere  boolean NOT NULL,
    area_codes  text[] NOT NULL DEFAULT '{}',
    numbers     bigint NOT NULL
);

CREATE INDEX list_snapshots_newest ON list_snapshots (tenant, kind, state, obtained_at DESC, imported_at DESC);

-- The numbers of a snapshot, ten thousand to a row. They are written before
-- their snapshot, in the same transaction, so there is no reference to it.
CREATE TABLE list_blocks (
    snapshot_id uuid NOT NULL,
    prefix      bigint NOT NULL,                  -- the number's digits without the last four
    members     bytea NOT NULL CHECK (length(members) = 1250), -- bit n: the number that ends with n, by get_bit

    PRIMARY KEY (snapshot_id, prefix)
);

-- The right to show a number. The newest row of a number counts.
CREATE TABLE caller_ids (
    id         uuid PRIMARY KEY REFERENCES ledger (id),
    tenant     text NOT NULL,
    number     text NOT NULL CHECK (number ~ '^\+[1-9][0-9]{6,14}$'),
    seller     text NOT NULL CHECK (seller <> ''),
    proof      text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to   timestamptz,
    answered   boolean NOT NULL,
    made_at    timestamptz NOT NULL
);

CREATE INDEX caller_ids_by_number ON caller_ids (tenant, number, made_at DESC);

-- Answers of the Reassigned Numbers Database (47 CFR 64.1200(m)).
CREATE TABLE reassigned_results (
    id          uuid PRIMARY KEY REFERENCES ledger (id),
    tenant      text NOT NULL,
    callee      bytea NOT NULL CHECK (length(callee) = 32),
    answer      text NOT NULL CHECK (answer IN ('no', 'yes', 'no_data')),
    queried_at  timestamptz NOT NULL,
    asked_since timestamptz NOT NULL
);

CREATE INDEX reassigned_results_by_callee ON reassigned_results (tenant, callee, queried_at DESC);

-- What people and programs did by the API and the commands.
CREATE TABLE acts (
    id      uuid PRIMARY KEY REFERENCES ledger (id),
    tenant  text NOT NULL,
    actor   text NOT NULL CHECK (actor <> ''),
    role    text NOT NULL DEFAULT '',
    act     text NOT NULL CHECK (act <> ''),
    object  text NOT NULL DEFAULT '',
    done_at timestamptz NOT NULL
);

CREATE INDEX acts_by_time ON acts (tenant, done_at DESC);

-- Adds entries to a tenant's chain, in their order, but for those whose id is
-- in it already, and returns how many it added. The first hash is made from 32
-- zero bytes.
-- +goose StatementBegin
CREATE FUNCTION ledger_append(of_tenant text, ids uuid[], kinds text[], entries text[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last  bigint;
    head  bytea;
    added integer := 0;
BEGIN
    -- One transaction after another adds to a tenant's chain.
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

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of evidence in % is refused: rows are added and never changed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

DO $$
DECLARE
    evidence text[] := ARRAY['ledger', 'evidence_keys', 'decisions', 'attempts', 'consents', 'consent_revocations',
        'suppressions', 'suppression_lifts', 'list_snapshots', 'list_blocks', 'caller_ids', 'reassigned_results', 'acts'];
    name text;
BEGIN
    FOREACH name IN ARRAY evidence LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()',
            name || '_is_insert_only', name);
    END LOOP;
    REVOKE ALL ON FUNCTION ledger_append FROM PUBLIC;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'trunkline_service') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO trunkline_service;
        GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO trunkline_service;
        ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO trunkline_service;
        ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO trunkline_service;
        FOREACH name IN ARRAY evidence LOOP
            EXECUTE format('REVOKE ALL ON %I FROM trunkline_service', name);
            EXECUTE format('GRANT SELECT, INSERT ON %I TO trunkline_service', name);
        END LOOP;
        REVOKE INSERT ON ledger FROM trunkline_service; -- only by ledger_append, which makes the chain
        REVOKE ALL ON goose_db_version FROM trunkline_service;
        GRANT SELECT ON goose_db_version TO trunkline_service;
        GRANT EXECUTE ON FUNCTION ledger_append TO trunkline_service;
    END IF;
END $$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'trunkline_service') THEN
        ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM trunkline_service;
        ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON SEQUENCES FROM trunkline_service;
        REVOKE ALL ON ALL TABLES IN SCHEMA public FROM trunkline_service;
        REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM trunkline_service;
    END IF;
END $$;
-- +goose StatementEnd
DROP TABLE acts, reassigned_results, caller_ids, list_blocks, list_snapshots, suppression_lifts, suppressions,
    consent_revocations, consents, attempts, decisions, evidence_keys, ledger;
DROP FUNCTION ledger_append, refuse_stale_decision, refuse_change;
