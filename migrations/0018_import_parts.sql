-- What became of the batches of an import while it goes on, so that the audit trail can tell of the whole when it has ended.

CREATE TABLE import_parts (
    run         uuid NOT NULL,
    part        uuid NOT NULL,
    inserted    bigint NOT NULL,
    duplicates  bigint NOT NULL,
    conflicts   bigint NOT NULL,
    rejected    bigint NOT NULL,
    points      text[] NOT NULL,
    since       timestamptz,
    until       timestamptz,
    ended       jsonb,
    PRIMARY KEY (run, part)
);
COMMENT ON TABLE import_parts IS 'Batches of imports that have not ended, with what became of their readings; one that was broken off keeps its rows.';
COMMENT ON COLUMN import_parts.ended IS 'Of the batch that ends an import: how many batches it has, and what the command counted.';
