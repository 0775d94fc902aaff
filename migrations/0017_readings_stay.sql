-- What was measured, and what else proves how figures came about, refuses to be changed: the rest of the tables of evidence.

CREATE FUNCTION refuse_reading_change() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: readings are never edited or deleted', lower(tg_op), tg_table_name
        USING HINT = 'State what is right as a correction, which stands beside the reading (POST /api/v1/corrections). '
            'What is past its retention is dropped whole, by retention.readings or POST /api/v1/retention:purge.',
            ERRCODE = 'integrity_constraint_violation';
END $$;
COMMENT ON FUNCTION refuse_reading_change IS 'Lets readings be added, and dropped by whole chunks or partitions alone.';

-- Neither fires for what is inserted: they cost nothing per reading. The one for each row is handed down to chunks and
-- partitions, so that it holds for those too that name one; the one for each statement holds where a columnstore deletes
-- whole batches without looking at rows, and where there is no row.
CREATE TRIGGER readings_stay BEFORE UPDATE OR DELETE ON readings FOR EACH ROW EXECUTE FUNCTION refuse_reading_change();
CREATE TRIGGER readings_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON readings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_reading_change();

CREATE TRIGGER record_snapshots_are_kept BEFORE TRUNCATE ON record_snapshots
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER raw_digests_are_kept BEFORE TRUNCATE ON raw_digests FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Of these the service itself changes some columns, and no others: what became of a letter, how long a gap lasts, that an
-- event or a key no longer holds.
CREATE TRIGGER dead_letters_stay BEFORE UPDATE OF id, connector, point, reason, detail, source, payload, received_at, stored_at
    OR DELETE ON dead_letters FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER dead_letters_are_kept BEFORE TRUNCATE ON dead_letters FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER gaps_stay BEFORE UPDATE OF id, connector, point, started_at, cause, recorded_at OR DELETE ON gaps
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER gaps_are_kept BEFORE TRUNCATE ON gaps FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER meter_events_stay BEFORE UPDATE OF id, meter_id, type, at, author, reason OR DELETE ON meter_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER meter_events_are_kept BEFORE TRUNCATE ON meter_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER meter_event_registers_stay BEFORE UPDATE OR DELETE ON meter_event_registers
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER meter_event_registers_are_kept BEFORE TRUNCATE ON meter_event_registers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER config_revisions_stay BEFORE UPDATE OR DELETE ON config_revisions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER config_revisions_are_kept BEFORE TRUNCATE ON config_revisions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER config_texts_stay BEFORE UPDATE OR DELETE ON config_texts FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER config_texts_are_kept BEFORE TRUNCATE ON config_texts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER config_files_stay BEFORE UPDATE OR DELETE ON config_files FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER config_files_are_kept BEFORE TRUNCATE ON config_files FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER point_revisions_stay BEFORE UPDATE OR DELETE ON point_revisions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER point_revisions_are_kept BEFORE TRUNCATE ON point_revisions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER meter_revisions_stay BEFORE UPDATE OR DELETE ON meter_revisions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER meter_revisions_are_kept BEFORE TRUNCATE ON meter_revisions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
