-- What the configuration said of each meter when, and which cost centre its amounts go to: records of the past are made by it.

ALTER TABLE meters ADD COLUMN cost_centre text;
COMMENT ON COLUMN meters.cost_centre IS 'Where its amounts are booked, as the accounts call it.';

CREATE TABLE meter_revisions (
    meter_id        text NOT NULL REFERENCES meters,
    valid_from      timestamptz NOT NULL,
    config_revision integer REFERENCES config_revisions,
    active          boolean NOT NULL,
    site_id         text NOT NULL,
    area            text,
    medium          text,
    parent_id       text,
    cost_centre     text,
    PRIMARY KEY (meter_id, valid_from)
);
COMMENT ON TABLE meter_revisions IS 'What was said of a meter, from valid_from until its next row.';
COMMENT ON COLUMN meter_revisions.config_revision IS 'The configuration that said so; null where a device did, or where it was said before this table was.';
COMMENT ON COLUMN meter_revisions.active IS 'False from when the meter was no longer configured.';
COMMENT ON COLUMN meter_revisions.parent_id IS 'The meter behind which it stands.';

-- What stands in meters was last other at updated_at; of the time before, nothing is known any more.
INSERT INTO meter_revisions (meter_id, valid_from, active, site_id, area, medium, parent_id)
SELECT id, updated_at, active, site_id, area, medium, parent_id FROM meters;
