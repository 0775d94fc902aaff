-- Requests that are to be done once, with what was answered: kept for seven days, and written in the transaction of the change.

CREATE TABLE idempotency_keys (
    created_at     timestamptz NOT NULL DEFAULT now(),
    status         smallint NOT NULL,
    caller         text NOT NULL,
    key            text NOT NULL,
    request_sha256 bytea NOT NULL CHECK (length(request_sha256) = 32),
    body           bytea CHECK (length(body) <= 262144),
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
COMMENT ON TABLE idempotency_keys IS 'Requests with an Idempotency-Key that were done, so that they are not done again when they are repeated.';
COMMENT ON COLUMN idempotency_keys.body IS 'What was answered; null where it was too large to be kept.';
