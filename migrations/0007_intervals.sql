-- Interval data made of the readings, what must be computed anew, and what happened to meters.

ALTER TABLE points ADD COLUMN max_gap interval;
ALTER TABLE points ADD COLUMN max_rate numeric;
ALTER TABLE points ADD COLUMN rollover_at numeric;
ALTER TABLE points ADD COLUMN interpolation text NOT NULL DEFAULT 'stepped' CHECK (interpolation IN ('stepped', 'sloped'));
ALTER TABLE points ADD COLUMN expression text;
ALTER TABLE points ADD COLUMN law text NOT NULL DEFAULT 'time_weighted_mean';
COMMENT ON COLUMN points.max_gap IS 'Readings further apart are no bracket: what lies between is estimated, or missing.';
COMMENT ON COLUMN points.max_rate IS 'The fastest rise of a counter, in the unit of the point per hour.';
COMMENT ON COLUMN points.rollover_at IS 'The counter begins again from 0 where it would reach this, in the unit of the point.';
COMMENT ON COLUMN points.interpolation IS 'What a gauge does between two readings: stepped keeps the first, sloped goes straight to the next.';
COMMENT ON COLUMN points.law IS 'How several values become one: sum, time_weighted_mean, range, energetic_mean, …; it follows from the quantity.';
COMMENT ON COLUMN points.expression IS 'Of a virtual meter: what is computed from other points; it has intervals and no readings.';

ALTER TABLE meters ADD COLUMN parent_id text;
ALTER TABLE meters ADD COLUMN uncertainty numeric;
COMMENT ON COLUMN meters.parent_id IS 'The meter behind which this one stands: what this one counts, that one counts too.';
COMMENT ON COLUMN meters.uncertainty IS 'The standard uncertainty (k = 1) of its totals, relative, in percent.';

CREATE TABLE intervals (
    start       timestamptz NOT NULL,
    computed_at timestamptz NOT NULL,
    value       double precision,
    min         double precision,
    max         double precision,
    coverage    double precision NOT NULL,
    point_id    integer NOT NULL,
    samples     integer NOT NULL,
    expected    integer,
    flags       integer NOT NULL,
    revision    integer NOT NULL,
    quality     smallint NOT NULL,
    period      text NOT NULL CHECK (period IN ('15m', '1h', '1d', '1mo')),
    exact       numeric,
    PRIMARY KEY (point_id, period, start)
);
COMMENT ON TABLE intervals IS 'What the readings of each point come to, by quarter of an hour, hour, local day and local month.';
COMMENT ON COLUMN intervals.start IS 'It is [start, start + period); days and months begin at local midnight of the site.';
COMMENT ON COLUMN intervals.value IS 'Counters and totals: what was counted. Gauges: the mean over time. Null where nothing is known, never zero in its place.';
COMMENT ON COLUMN intervals.exact IS 'The same of counters and totals, exactly: sums of it are exact.';
COMMENT ON COLUMN intervals.coverage IS 'Share of the time that was measured, 0 to 1; what was distributed over a gap is not.';
COMMENT ON COLUMN intervals.samples IS 'Usable readings within.';
COMMENT ON COLUMN intervals.expected IS 'Readings that were due within; null where that is not known.';
COMMENT ON COLUMN intervals.flags IS 'Bit mask; table interval_flags spells it out.';
COMMENT ON COLUMN intervals.revision IS '0 as long as the period lasts, then counted up with every change, as by data that came late.';
@{hypertable_intervals};

CREATE TABLE interval_flags (
    bit     integer PRIMARY KEY,
    name    text NOT NULL UNIQUE,
    meaning text NOT NULL
);
COMMENT ON TABLE interval_flags IS 'The bits of intervals.flags.';
INSERT INTO interval_flags (bit, name, meaning) VALUES
    (1, 'missing', 'nothing usable is known of it; the value is null'),
    (2, 'estimated', 'a gap lies over the interval or a part of it; a counter''s increment over the gap was spread evenly'),
    (4, 'incomplete', 'a part of the interval is not in the value: no reading lies beyond one of its edges, or values are missing'),
    (8, 'rollover', 'the register began again from zero after its highest value'),
    (16, 'reset', 'the register was set back'),
    (32, 'lower_bound', 'at least the value was measured; what happened between the last reading and the change of the register is unknown'),
    (64, 'replacement', 'the meter was replaced, as declared'),
    (128, 'ratio_change', 'the ratio of the meter changed, as declared'),
    (256, 'spike', 'readings were left out because the register cannot have risen so fast, or came back at once'),
    (512, 'dip', 'readings were left out because the register fell and came back at once'),
    (1024, 'uncertain', 'a reading that went into the value was uncertain'),
    (2048, 'unknown_modulus', 'a rollover was declared, and nothing says where the register starts again'),
    (4096, 'manual', 'all readings that went into the value were read by a person, or imported'),
    (8192, 'unexplained', 'the register jumped in a way that nothing explains; the value is null until a person declares what happened');

CREATE FUNCTION interval_flag_names(mask integer) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ARRAY(SELECT name FROM interval_flags WHERE mask & bit <> 0 ORDER BY bit);
COMMENT ON FUNCTION interval_flag_names IS 'Spells out the bits of intervals.flags.';

CREATE VIEW intervals_by_point AS
    SELECT i.period, i.start, p.key AS point, p.name AS point_name, p.meter_id AS meter, m.name AS meter_name, m.site_id AS site,
           m.area, p.medium, p.quantity, p.unit, p.kind, i.value, i.exact, i.min, i.max, i.samples, i.expected, i.coverage,
           i.quality, i.flags, i.revision, i.computed_at
    FROM intervals i
    JOIN points p ON p.id = i.point_id
    JOIN meters m ON m.id = p.meter_id;
COMMENT ON VIEW intervals_by_point IS 'Intervals with the names of their point, meter and site.';

-- Up to where each point is computed. What comes in before that is marked; what lies after it needs no mark.
CREATE TABLE interval_progress (
    point_id    integer PRIMARY KEY REFERENCES points,
    computed_to timestamptz NOT NULL,
    expression  text
) WITH (fillfactor = 50);
COMMENT ON TABLE interval_progress IS 'Up to where the quarters of each point were computed, or are marked to be.';
COMMENT ON COLUMN interval_progress.expression IS 'Of a virtual point: by what it was computed.';

CREATE TABLE interval_marks (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    point_id    integer NOT NULL,
    since       timestamptz NOT NULL,
    until       timestamptz NOT NULL
);
COMMENT ON TABLE interval_marks IS 'Stretches [since, until] of points whose readings, events or rules changed since they were computed.';

CREATE TABLE meter_events (
    id          uuid PRIMARY KEY,
    meter_id    text NOT NULL REFERENCES meters,
    type        text NOT NULL CHECK (type IN ('replacement', 'reset', 'rollover', 'ratio_change')),
    at          timestamptz NOT NULL,
    author      text NOT NULL,
    reason      text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    voided_at   timestamptz,
    voided_by   text,
    void_reason text
);
COMMENT ON TABLE meter_events IS 'What happened to meters, as people declared it; never edited, at most declared void.';
CREATE INDEX meter_events_meter ON meter_events (meter_id, at);

CREATE TABLE meter_event_registers (
    event_id    uuid NOT NULL REFERENCES meter_events,
    point_id    integer NOT NULL REFERENCES points,
    final       numeric,
    initial     numeric,
    multiplier  numeric CHECK (multiplier > 0),
    PRIMARY KEY (event_id, point_id)
);
COMMENT ON TABLE meter_event_registers IS 'What an event says of each register of its meter, in the unit of the point.';
COMMENT ON COLUMN meter_event_registers.final IS 'Where the register stood last before the event.';
COMMENT ON COLUMN meter_event_registers.initial IS 'Where it stood first after the event.';
COMMENT ON COLUMN meter_event_registers.multiplier IS 'From the event on, increments of the register count so many times; as before where null.';
