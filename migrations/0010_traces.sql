-- Finds facts by what they say: the instruments of a meter, the calibrations of an instrument.

CREATE INDEX register_entries_body ON register_entries USING gin (body jsonb_path_ops);
