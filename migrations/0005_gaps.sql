-- Gaps tell whether they last and how many readings were due in them, a view counts what came of these after all, and dead
-- letters may be sent on their way again.

ALTER TABLE gaps ADD COLUMN open boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN gaps.open IS 'True while it lasts, as a lease: not told for 15 minutes, it counts as ended at ended_at.';
ALTER TABLE gaps ADD COLUMN expected bigint;
COMMENT ON COLUMN gaps.expected IS 'How many readings were due in it; null where that is not known.';
COMMENT ON COLUMN gaps.ended_at IS 'Where it ended; of an open one, when it was told last.';
CREATE INDEX gaps_open ON gaps (started_at DESC, id) WHERE open;
CREATE INDEX gaps_point ON gaps (point, started_at DESC);

CREATE FUNCTION gap_lasts(open boolean, ended_at timestamptz) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN open AND ended_at > now() - interval '15 minutes';
COMMENT ON FUNCTION gap_lasts IS 'Tells whether a gap says open and was told within its lease.';

-- What is counted is strictly between two readings, but for samples that were refused: those lie at both ends.
CREATE VIEW gaps_by_point AS
    SELECT g.id, g.connector, g.point, p.name AS point_name, p.meter_id AS meter, m.name AS meter_name, m.site_id AS site, m.area,
           g.started_at, CASE WHEN l.lasts THEN greatest(g.started_at, now()) ELSE g.ended_at END AS ended_at,
           g.cause, l.lasts AS open, g.refused, g.expected, f.found,
           CASE WHEN g.expected IS NULL THEN f.found > 0 ELSE f.found >= 0.9 * g.expected END AS filled, g.recorded_at
    FROM gaps g
    CROSS JOIN LATERAL (SELECT gap_lasts(g.open, g.ended_at) AS lasts) l
    LEFT JOIN points p ON p.key = g.point
    LEFT JOIN meters m ON m.id = p.meter_id
    LEFT JOIN LATERAL (
        SELECT count(*) AS found
        FROM readings r
        WHERE r.point_id = p.id AND r.time >= g.started_at AND r.time <= CASE WHEN l.lasts THEN now() ELSE g.ended_at END
          AND r.value IS NOT NULL
          AND (g.refused > 0 OR (r.time > g.started_at AND (l.lasts OR r.time < g.ended_at)))
    ) f ON p.id IS NOT NULL;
COMMENT ON VIEW gaps_by_point IS 'Gaps with the names of their point, how many readings are there by now, and whether that fills them.';
COMMENT ON COLUMN gaps_by_point.ended_at IS 'Now, while it lasts.';
COMMENT ON COLUMN gaps_by_point.found IS 'Usable readings of the point within the gap; null for a gap of a whole connector.';
COMMENT ON COLUMN gaps_by_point.filled IS 'True if at least nine in ten of the readings due are there, or any where it is not known how many were.';

ALTER TABLE dead_letters ADD COLUMN retried_at timestamptz;
COMMENT ON COLUMN dead_letters.retried_at IS 'When it was made readings again; null as long as that has not succeeded.';
ALTER TABLE dead_letters ADD COLUMN retry_note text;
COMMENT ON COLUMN dead_letters.retry_note IS 'What became of the last attempt, in words; null before the first, or while one is under way.';
