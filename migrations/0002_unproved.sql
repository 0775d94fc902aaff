-- A flag for values of a meter that did not prove to be what its profile says.

INSERT INTO flags (bit, name, meaning) VALUES
    (1024, 'unproved', 'the meter is not known to be what its profile says; the value may be another one');
