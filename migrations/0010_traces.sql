-- Finds facts by what they say: the instruments of a meter, the calibrations of an instrument.

CREATE INDEX register_entries_body ON register_entries USING gin (body jsonb_path_ops);

-- And the records that were made of a fact, whose newest revisions are listed.
CREATE INDEX records_inputs ON records USING gin ((envelope -> 'inputs') jsonb_path_ops);

COMMENT ON TABLE record_sources IS
    'What the newest revision of a record was made of: points (of any revision), register entries, kinds of them, other records.';
