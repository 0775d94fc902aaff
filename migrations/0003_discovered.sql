-- Points that a device makes known itself stay known although no file names them.

ALTER TABLE meters ADD COLUMN discovered boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN meters.discovered IS 'True where no file names the meter: a device made it known itself.';
ALTER TABLE points ADD COLUMN discovered boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN points.discovered IS 'True where no file names the point: a device made it known itself.';
