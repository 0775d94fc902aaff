-- A flag for values of a device that is known to be offline.

INSERT INTO flags (bit, name, meaning) VALUES
    (2048, 'stale', 'the device, or what speaks for it, is known to be offline; value is null until it speaks again');
