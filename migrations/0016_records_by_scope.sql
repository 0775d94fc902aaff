-- Records as dashboards want them: what stands, flat, with what each type has besides as numbers in columns of their own.

CREATE FUNCTION number_of(words text) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN words ~ '^-?[0-9]+(\.[0-9]+)?$' THEN words::numeric END
$$;
COMMENT ON FUNCTION number_of IS 'Reads a word of digits; null where it is none.';

-- The envelope is unpacked once for all columns; a name that another type of record uses for something else reads as null.
CREATE VIEW records_by_scope AS
    SELECT r.id AS record_id, r.revision, r.type, r.status, r.site_id AS site, r.scope, r.plan, r.period, r.period_start,
           r.period_end, r.quantity, r.value, r.unit, r.quality, r.coverage AS coverage_percent,
           r.measured AS measured_percent, r.estimated AS estimated_percent, r.flags, r.method, r.computed_at,
           number_of(d.renewable_kwh) AS renewable_kwh, number_of(d.renewable_percent) AS renewable_percent,
           number_of(d.withdrawal_m3) AS withdrawal_m3, number_of(d.discharge_m3) AS discharge_m3,
           number_of(d.reuse_m3) AS reuse_m3, number_of(d.reuse_percent) AS reuse_percent,
           d.substance, number_of(d.raw) AS raw, number_of(d.normalised) AS normalised, number_of(d.validated) AS validated,
           number_of(d.elv) AS elv, number_of(d.flow_weighted) AS flow_weighted, d.concentration_unit,
           number_of(d.volume) AS volume, d.volume_unit,
           d.outfall, d.parameter,
           number_of(coalesce(d.minimum ->> 'value', d.minimum #>> '{}')) AS minimum,
           number_of(coalesce(d.maximum ->> 'value', d.maximum #>> '{}')) AS maximum,
           number_of(d.n) AS n, number_of(d.exceedances) AS exceedances, d.no_data ->> 'nodi' AS no_data_code,
           number_of(d.load ->> 'average_kg_per_day') AS load_average_kg_per_day,
           number_of(d.load ->> 'maximum_kg_per_day') AS load_maximum_kg_per_day,
           number_of(d.hazardous_kg) AS hazardous_kg, number_of(d.recovered_kg) AS recovered_kg,
           number_of(d.disposed_kg) AS disposed_kg,
           d.cas, number_of(d.opening_kg) AS opening_kg, number_of(d.in_kg) AS in_kg, number_of(d.used_kg) AS used_kg,
           number_of(d.out_kg) AS out_kg, number_of(d.closing_kg) AS closing_kg,
           number_of(d.max_stored_kg) AS max_stored_kg, number_of(d.max_stored_percent) AS max_stored_percent,
           coalesce(d.result, d.verdict) AS verdict, d.refused AS reason
    FROM records r
    CROSS JOIN LATERAL jsonb_to_record(r.envelope) AS e (details jsonb)
    CROSS JOIN LATERAL jsonb_to_record(e.details) AS d (
        renewable_kwh text, renewable_percent text, withdrawal_m3 text, discharge_m3 text, reuse_m3 text, reuse_percent text,
        substance text, raw text, normalised text, validated text, elv text, flow_weighted text, concentration_unit text,
        volume text, volume_unit text, outfall text, parameter text, minimum jsonb, maximum jsonb, n text, exceedances text,
        no_data jsonb, load jsonb, hazardous_kg text, recovered_kg text, disposed_kg text, cas text, opening_kg text,
        in_kg text, used_kg text, out_kg text, closing_kg text, max_stored_kg text, max_stored_percent text, result text,
        verdict text, refused text)
    WHERE r.status <> 'voided' AND NOT EXISTS (SELECT FROM records n WHERE n.id = r.id AND n.revision > r.revision);
COMMENT ON VIEW records_by_scope IS 'Records that stand, each in its newest revision, with the numbers that its type has besides.';
