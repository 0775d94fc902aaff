-- Sites, meters, points and their readings: the tables every other part hangs on, and the access keys of the API.
-- Placeholders written with @ and braces are filled in by the storage room, which alone knows how the databases differ.

CREATE TABLE sites (
    id          text PRIMARY KEY,
    name        text NOT NULL,
    timezone    text NOT NULL,
    areas       text[] NOT NULL DEFAULT '{}',
    active      boolean NOT NULL DEFAULT true,
    updated_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sites IS 'Plants and works, as the EMS calls them.';
COMMENT ON COLUMN sites.timezone IS 'IANA name; local days and months follow it.';
COMMENT ON COLUMN sites.active IS 'False once it is no longer in the configuration.';

CREATE TABLE meters (
    id          text PRIMARY KEY,
    site_id     text NOT NULL REFERENCES sites,
    area        text,
    name        text NOT NULL,
    medium      text,
    connector   text NOT NULL,
    active      boolean NOT NULL DEFAULT true,
    updated_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE meters IS 'Instruments. The connector is the file that names the meter.';
CREATE INDEX meters_site ON meters (site_id);

CREATE TABLE points (
    id                  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key                 text NOT NULL UNIQUE,
    meter_id            text NOT NULL REFERENCES meters,
    name                text NOT NULL,
    quantity            text NOT NULL,
    medium              text,
    unit                text NOT NULL,
    kind                text NOT NULL CHECK (kind IN ('gauge', 'counter', 'interval_total', 'state', 'event')),
    source              text NOT NULL,
    source_unit         text NOT NULL,
    expected_interval   interval,
    active              boolean NOT NULL DEFAULT true,
    updated_at          timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE points IS 'One quantity of a meter each.';
COMMENT ON COLUMN points.key IS 'Meter and point, as EM-01.energy_import; stable.';
COMMENT ON COLUMN points.unit IS 'Unit of every value stored for the point: the canonical one of its quantity.';
COMMENT ON COLUMN points.source IS 'Where the connector finds it: node, register or topic.';
COMMENT ON COLUMN points.source_unit IS 'Unit the device speaks.';
CREATE INDEX points_meter ON points (meter_id);

-- No foreign key to points: the writer resolves keys to ids in the same transaction, and checking each row again would cost
-- as much as inserting it.
CREATE TABLE readings (
    time            timestamptz NOT NULL,
    point_id        integer NOT NULL,
    flags           integer NOT NULL DEFAULT 0,
    value           double precision,
    received_at     timestamptz NOT NULL,
    source_status   bigint NOT NULL DEFAULT 0,
    quality         smallint NOT NULL CHECK (quality IN (0, 64, 192)),
    raw             double precision,
    exact           numeric,
    PRIMARY KEY (point_id, time)
) @{partition_by_time};
COMMENT ON TABLE readings IS 'What was measured, one row per point and time; never edited.';
COMMENT ON COLUMN readings.time IS 'The source''s time; where it gave none, see flags.';
COMMENT ON COLUMN readings.value IS 'In the unit of the point; null where no usable value was obtained, never zero in its place.';
COMMENT ON COLUMN readings.quality IS '192 good, 64 uncertain, 0 bad.';
COMMENT ON COLUMN readings.flags IS 'Bit mask; table flags spells it out.';
COMMENT ON COLUMN readings.source_status IS 'The protocol''s own code, as the 32-bit OPC UA StatusCode; 0 where all was well.';
COMMENT ON COLUMN readings.raw IS 'The number the device sent, where value is null although it sent one.';
COMMENT ON COLUMN readings.exact IS 'The exact value, where a double cannot hold it; null elsewhere.';
@{hypertable_readings};

CREATE TABLE latest_readings (
    point_id        integer PRIMARY KEY REFERENCES points,
    time            timestamptz NOT NULL,
    value           double precision,
    quality         smallint NOT NULL,
    flags           integer NOT NULL,
    source_status   bigint NOT NULL,
    received_at     timestamptz NOT NULL,
    raw             double precision,
    exact           numeric
) WITH (fillfactor = 50);
COMMENT ON TABLE latest_readings IS 'The newest reading of each point by its own time; kept by the writer.';

CREATE TABLE flags (
    bit     integer PRIMARY KEY,
    name    text NOT NULL UNIQUE,
    meaning text NOT NULL
);
COMMENT ON TABLE flags IS 'The bits of readings.flags.';
INSERT INTO flags (bit, name, meaning) VALUES
    (1, 'bad_status', 'the device or its protocol marked the value as bad; value is null'),
    (2, 'invalid_value', 'the device sent what stands for "no value"; value is null'),
    (4, 'out_of_range', 'outside the range of the point; value is null, what the device said is in raw'),
    (8, 'no_source_time', 'the device gave no time; time is when the reading was received'),
    (16, 'clock_replaced', 'the device''s time was before 2000 or over 5 minutes ahead; time is when the reading was received'),
    (32, 'server_time', 'the time is the server''s: the source gave none'),
    (64, 'backfilled', 'read later from the device''s own history'),
    (128, 'manual', 'read by a person, or imported from a file'),
    (256, 'uncertain_status', 'the device or its protocol marked the value as uncertain'),
    (512, 'retained', 'the broker''s retained message, not a live one');

CREATE TABLE dead_letters (
    id          uuid PRIMARY KEY,
    connector   text NOT NULL,
    point       text,
    reason      text NOT NULL,
    detail      text NOT NULL,
    source      text NOT NULL,
    payload     bytea NOT NULL,
    received_at timestamptz NOT NULL,
    stored_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE dead_letters IS 'What was received and could not become a reading, with its reason and payload.';
CREATE INDEX dead_letters_received ON dead_letters (received_at DESC, id);

CREATE TABLE gaps (
    id          uuid PRIMARY KEY,
    connector   text NOT NULL,
    point       text,
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz NOT NULL,
    cause       text NOT NULL,
    refused     bigint NOT NULL DEFAULT 0,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE gaps IS 'Stretches in which readings were refused or missed, with their cause.';
COMMENT ON COLUMN gaps.refused IS 'How many samples were received and could not be kept.';
CREATE INDEX gaps_started ON gaps (started_at DESC, id);

CREATE TABLE api_keys (
    id              text PRIMARY KEY,
    name            text NOT NULL,
    secret_sha256   bytea NOT NULL,
    scopes          text[] NOT NULL,
    sites           text[],
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz,
    revoked_at      timestamptz
);
COMMENT ON TABLE api_keys IS 'Who may use the REST API. The secret itself is shown once, when it is made, and not kept.';
COMMENT ON COLUMN api_keys.sites IS 'Sites the key may see; null means all.';

CREATE FUNCTION flag_names(mask integer) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ARRAY(SELECT name FROM flags WHERE mask & bit <> 0 ORDER BY bit);
COMMENT ON FUNCTION flag_names IS 'Spells out the bits of readings.flags.';

CREATE VIEW readings_by_point AS
    SELECT r.time, p.key AS point, p.name AS point_name, p.meter_id AS meter, m.name AS meter_name, m.site_id AS site, m.area,
           p.medium, p.quantity, p.unit, p.kind, r.value, r.exact, r.raw, r.quality, r.flags, r.source_status, r.received_at
    FROM readings r
    JOIN points p ON p.id = r.point_id
    JOIN meters m ON m.id = p.meter_id;
COMMENT ON VIEW readings_by_point IS 'Readings with the names of their point, meter and site.';

CREATE VIEW latest_by_point AS
    SELECT r.time, p.key AS point, p.name AS point_name, p.meter_id AS meter, m.name AS meter_name, m.site_id AS site, m.area,
           p.medium, p.quantity, p.unit, p.kind, r.value, r.exact, r.raw, r.quality, r.flags, r.source_status, r.received_at
    FROM latest_readings r
    JOIN points p ON p.id = r.point_id
    JOIN meters m ON m.id = p.meter_id;
COMMENT ON VIEW latest_by_point IS 'The newest reading of each point, with the names of its point, meter and site.';

CREATE VIEW flagged_readings AS
    SELECT r.time, p.key AS point, r.value, r.raw, r.quality, f.name AS flag, f.meaning
    FROM readings r
    JOIN points p ON p.id = r.point_id
    JOIN flags f ON r.flags & f.bit <> 0;
COMMENT ON VIEW flagged_readings IS 'One row per reading and flag, spelled out.';
