-- Which evaluations tell of which exceedance: so that webhooks are told once that it opened, and that it was withdrawn.

CREATE TABLE exceedances_told (
    id        uuid NOT NULL,
    record_id uuid NOT NULL,
    stands    boolean NOT NULL,
    PRIMARY KEY (id, record_id)
);
COMMENT ON TABLE exceedances_told IS 'One row for each exceedance and record of which any revision ever told of it.';
COMMENT ON COLUMN exceedances_told.stands IS 'Whether the newest revision of the record tells of it, and is not void.';
CREATE INDEX exceedances_told_record ON exceedances_told (record_id);

INSERT INTO exceedances_told (id, record_id, stands)
SELECT (event ->> 'id')::uuid, r.id,
       bool_or(r.status <> 'voided' AND NOT EXISTS (SELECT FROM records n WHERE n.id = r.id AND n.revision > r.revision))
FROM records r, jsonb_array_elements(r.envelope -> 'details' -> 'exceedances') event
WHERE r.type = 'compliance_evaluation'
GROUP BY 1, 2;
