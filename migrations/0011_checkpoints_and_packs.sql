-- Roots that a third person can keep, over what each day added to the evidence of a site; and the packs that were asked for.

CREATE TABLE checkpoints (
    site_id     text NOT NULL,
    day_start   timestamptz NOT NULL,
    day_end     timestamptz NOT NULL,
    seq         bigint NOT NULL UNIQUE,
    timezone    text NOT NULL,
    records     bigint NOT NULL,
    digests     bigint NOT NULL,
    root        text NOT NULL,
    head_seq    bigint NOT NULL,
    head_hash   text NOT NULL,
    made_at     timestamptz NOT NULL,
    key_id      text,
    signature   text,
    leaves      bytea NOT NULL,
    hash        text NOT NULL,
    PRIMARY KEY (site_id, day_start),
    CHECK (day_start < day_end),
    CHECK ((key_id IS NULL) = (signature IS NULL))
);
COMMENT ON TABLE checkpoints IS 'Merkle roots over the records and digests of raw readings that were kept for a site on a local day.';
COMMENT ON COLUMN checkpoints.seq IS 'The row of audit_events that tells of it.';
COMMENT ON COLUMN checkpoints.head_seq IS 'Where the audit trail ended when the checkpoint was made.';
COMMENT ON COLUMN checkpoints.leaves IS 'The leaves, 32 bytes each: records by seq, then digests by point and day.';
COMMENT ON COLUMN checkpoints.signature IS 'Ed25519, hexadecimal; docs/evidence.md tells over which bytes.';
CREATE TRIGGER checkpoints_stay BEFORE UPDATE OR DELETE ON checkpoints FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER checkpoints_are_kept BEFORE TRUNCATE ON checkpoints FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A pack is a copy that can be made again: only that it was made, and its SHA-256, are evidence, and stand in audit_events.
CREATE TABLE audit_packs (
    id              uuid PRIMARY KEY,
    site_id         text NOT NULL,
    asked           jsonb NOT NULL,
    actor           text NOT NULL,
    actor_name      text NOT NULL,
    client          text,
    status          text NOT NULL CHECK (status IN ('pending', 'done', 'failed')),
    requested_at    timestamptz NOT NULL,
    finished_at     timestamptz,
    size_bytes      bigint,
    sha256          text,
    reason          text
);
COMMENT ON TABLE audit_packs IS 'Evidence packs that were asked for, and what became of them.';
CREATE INDEX audit_packs_requested ON audit_packs (requested_at, id);
CREATE INDEX records_kept ON records (site_id, computed_at);
CREATE INDEX raw_digests_kept ON raw_digests (computed_at);
