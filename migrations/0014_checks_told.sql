-- Which due checks of instruments webhooks were told of: so that each is told once before and once after, whatever restarts.

CREATE TABLE checks_told (
    instrument text NOT NULL,
    due        timestamptz NOT NULL,
    status     text NOT NULL CHECK (status IN ('due', 'overdue')),
    told_at    timestamptz NOT NULL,
    PRIMARY KEY (instrument, due, status)
);
COMMENT ON TABLE checks_told IS 'One row for each due date of an instrument and each time that a webhook was told of it.';
