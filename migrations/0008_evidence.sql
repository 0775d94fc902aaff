-- Evidence: what people register, the records made of readings, and the chain of everything that happened to them.

CREATE FUNCTION refuse_change() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'DELETE' AND current_setting('ems_telemetry.purging', true) = 'on' THEN
        RETURN old;
    END IF;
    RAISE EXCEPTION '% of % is refused: evidence is never edited or deleted', lower(tg_op), tg_table_name
        USING HINT = 'Add a new revision with a reason; what is void is declared void.', ERRCODE = 'integrity_constraint_violation';
END $$;
COMMENT ON FUNCTION refuse_change IS 'Lets rows be added, and removed by the purging of what is past its retention alone.';

CREATE TABLE audit_events (
    seq             bigint PRIMARY KEY CHECK (seq > 0),
    id              uuid NOT NULL UNIQUE,
    occurred_at     timestamptz NOT NULL,
    actor           text NOT NULL,
    actor_name      text NOT NULL,
    client          text,
    action          text NOT NULL,
    object_type     text NOT NULL,
    object_id       text NOT NULL,
    object_revision integer,
    site_id         text,
    reason          text,
    before_hash     text,
    after_hash      text,
    detail          jsonb,
    previous_hash   text NOT NULL,
    hash            text NOT NULL UNIQUE
);
COMMENT ON TABLE audit_events IS 'Who did what to which piece of evidence, why, and its hash before and after; each row is chained to the one before.';
COMMENT ON COLUMN audit_events.hash IS 'SHA-256 of the previous hash and the leaf of this row, hexadecimal; docs/evidence.md tells the exact form.';
COMMENT ON COLUMN audit_events.actor IS 'key:…, oidc:…, command:… or service:….';
CREATE INDEX audit_events_object ON audit_events (object_type, object_id, seq);
CREATE INDEX audit_events_time ON audit_events (occurred_at, seq);
CREATE TRIGGER audit_events_stay BEFORE UPDATE OR DELETE ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_events_are_kept BEFORE TRUNCATE ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Methods' parameters, factors, limits, instruments, calibrations, samples, movements, corrections: whatever a person states.
CREATE TABLE register_entries (
    kind        text NOT NULL,
    id          text NOT NULL,
    revision    integer NOT NULL CHECK (revision > 0),
    seq         bigint NOT NULL UNIQUE,
    site_id     text,
    valid_from  timestamptz,
    valid_to    timestamptz,
    body        jsonb NOT NULL,
    author      text NOT NULL,
    author_name text NOT NULL,
    reason      text NOT NULL,
    recorded_at timestamptz NOT NULL,
    hash        text NOT NULL,
    PRIMARY KEY (kind, id, revision),
    CHECK (valid_from IS NULL OR valid_to IS NULL OR valid_from < valid_to)
);
COMMENT ON TABLE register_entries IS 'Facts that people state, each with all its revisions; a change is a new revision with a reason.';
COMMENT ON COLUMN register_entries.seq IS 'The row of audit_events that tells of it.';
COMMENT ON COLUMN register_entries.valid_from IS 'When what it says holds in the plant, or happened; recorded_at is when it became known here.';
COMMENT ON COLUMN register_entries.site_id IS 'The site it belongs to; null where it belongs to all.';
CREATE INDEX register_entries_known ON register_entries (kind, recorded_at);
CREATE TRIGGER register_entries_stay BEFORE UPDATE OR DELETE ON register_entries FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER register_entries_are_kept BEFORE TRUNCATE ON register_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE register_decisions (
    kind        text NOT NULL,
    id          text NOT NULL,
    revision    integer NOT NULL,
    decision    text NOT NULL CHECK (decision IN ('approved', 'rejected', 'voided')),
    seq         bigint NOT NULL UNIQUE,
    actor       text NOT NULL,
    actor_name  text NOT NULL,
    reason      text NOT NULL,
    decided_at  timestamptz NOT NULL,
    hash        text NOT NULL,
    PRIMARY KEY (kind, id, revision, decision),
    FOREIGN KEY (kind, id, revision) REFERENCES register_entries
);
COMMENT ON TABLE register_decisions IS 'What became of revisions that somebody else must decide about, and what was declared void.';
CREATE TRIGGER register_decisions_stay BEFORE UPDATE OR DELETE ON register_decisions FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER register_decisions_are_kept BEFORE TRUNCATE ON register_decisions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE records (
    id              uuid NOT NULL,
    revision        integer NOT NULL CHECK (revision > 0),
    seq             bigint NOT NULL UNIQUE,
    type            text NOT NULL,
    status          text NOT NULL CHECK (status IN ('final', 'amended', 'voided')),
    site_id         text NOT NULL,
    scope           text NOT NULL,
    plan            text NOT NULL,
    period          text NOT NULL,
    period_start    timestamptz NOT NULL,
    period_end      timestamptz NOT NULL,
    quantity        text,
    value           numeric,
    unit            text,
    quality         text NOT NULL,
    coverage        numeric,
    measured        numeric,
    estimated       numeric,
    flags           text[] NOT NULL,
    method          text NOT NULL,
    retention_class text NOT NULL,
    computed_at     timestamptz NOT NULL,
    snapshot        text NOT NULL,
    envelope        jsonb NOT NULL,
    hash            text NOT NULL,
    PRIMARY KEY (id, revision),
    CHECK (period_start < period_end)
);
COMMENT ON TABLE records IS 'Figures that stand: each with its method, inputs and hash; what changes is a new revision, and the old one stays.';
COMMENT ON COLUMN records.seq IS 'The row of audit_events that tells of it; rising with every change, so that changes can be followed.';
COMMENT ON COLUMN records.plan IS 'The item of the monitoring plan it was made for.';
COMMENT ON COLUMN records.scope IS 'What it is about: a point, a meter, an area, a stack, an outfall, a limit, or the site.';
COMMENT ON COLUMN records.snapshot IS 'Hash of the inputs as they were when it was computed; table record_snapshots has them.';
COMMENT ON COLUMN records.envelope IS 'The record as it was hashed; the columns repeat what queries need.';
CREATE INDEX records_period ON records (site_id, type, period_start);
CREATE INDEX records_plan ON records (plan, period_start, revision);
CREATE TRIGGER records_stay BEFORE UPDATE OR DELETE ON records FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER records_are_kept BEFORE TRUNCATE ON records FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE VIEW current_records AS
    SELECT r.* FROM records r WHERE NOT EXISTS (SELECT FROM records n WHERE n.id = r.id AND n.revision > r.revision);
COMMENT ON VIEW current_records IS 'Records in their newest revision.';

CREATE TABLE record_snapshots (
    hash    text PRIMARY KEY,
    content bytea NOT NULL
);
COMMENT ON TABLE record_snapshots IS 'Inputs of records as canonical JSON, compressed by zlib, under the SHA-256 of the JSON.';
CREATE TRIGGER record_snapshots_stay BEFORE UPDATE OR DELETE ON record_snapshots FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- What the newest revision of each record was made of: so that a change finds the records it touches, and an input its records.
CREATE TABLE record_sources (
    record_id   uuid NOT NULL,
    kind        text NOT NULL,
    source      text NOT NULL,
    since       timestamptz NOT NULL,
    until       timestamptz NOT NULL,
    PRIMARY KEY (record_id, kind, source, since)
);
COMMENT ON TABLE record_sources IS 'Points, register entries, kinds of them and other records that the newest revision of a record was made of.';
CREATE INDEX record_sources_source ON record_sources (kind, source, until);

CREATE TABLE record_marks (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    record_id   uuid NOT NULL,
    reason      text NOT NULL
);
COMMENT ON TABLE record_marks IS 'Records to be looked at again, because something they were made of changed.';

CREATE TABLE raw_digests (
    point_id    integer NOT NULL,
    day_start   timestamptz NOT NULL,
    revision    integer NOT NULL CHECK (revision > 0),
    day_end     timestamptz NOT NULL,
    readings    bigint NOT NULL,
    digest      text NOT NULL,
    computed_at timestamptz NOT NULL,
    PRIMARY KEY (point_id, day_start, revision)
);
COMMENT ON TABLE raw_digests IS 'SHA-256 of the readings of a point on a local day, as they were then; data that came late makes a new revision.';
CREATE TRIGGER raw_digests_stay BEFORE UPDATE OR DELETE ON raw_digests FOR EACH ROW EXECUTE FUNCTION refuse_change();
