-- What was configured when: every configuration that was accepted, and what each point has meant since when.

CREATE TABLE config_revisions (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash        text NOT NULL,
    accepted_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE config_revisions IS 'Each configuration the service began to run with; one that is in force again is a row again.';
COMMENT ON COLUMN config_revisions.hash IS 'SHA-256 over the names and texts of its files; equal ones say the same.';
COMMENT ON COLUMN config_revisions.accepted_at IS 'When the service took it over; the database may have been away then.';

CREATE TABLE config_texts (
    sha256  text PRIMARY KEY,
    text    text NOT NULL
);
COMMENT ON TABLE config_texts IS 'What stands in configuration files, with secrets masked; each text once, however many revisions have it.';

CREATE TABLE config_files (
    revision    integer NOT NULL REFERENCES config_revisions,
    name        text NOT NULL,
    sha256      text NOT NULL REFERENCES config_texts,
    PRIMARY KEY (revision, name)
);
COMMENT ON TABLE config_files IS 'The files of each configuration.';

CREATE TABLE point_revisions (
    point_id            integer NOT NULL REFERENCES points,
    valid_from          timestamptz NOT NULL,
    config_revision     integer REFERENCES config_revisions,
    active              boolean NOT NULL,
    quantity            text NOT NULL,
    unit                text NOT NULL,
    kind                text NOT NULL,
    source              text NOT NULL,
    source_unit         text NOT NULL,
    scale               numeric NOT NULL,
    "offset"            numeric NOT NULL,
    expected_interval   interval,
    definition          jsonb NOT NULL,
    PRIMARY KEY (point_id, valid_from)
);
COMMENT ON TABLE point_revisions IS 'What a point meant, from valid_from until its next row; compare with received_at of a reading.';
COMMENT ON COLUMN point_revisions.config_revision IS 'The configuration that said so; null where a device did before any was recorded.';
COMMENT ON COLUMN point_revisions.active IS 'False from when the point was no longer configured.';
COMMENT ON COLUMN point_revisions.scale IS 'The device''s number times scale plus offset is in source_unit.';
COMMENT ON COLUMN point_revisions.definition IS 'Every key of the point that is not at its default, as the connector file has it.';
