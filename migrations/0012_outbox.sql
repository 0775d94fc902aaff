-- Webhooks and what is to be delivered to them: written in the transaction of what happened, so that a crash loses nothing.

CREATE TABLE webhooks (
    id          text PRIMARY KEY,
    site_id     text,
    url         text NOT NULL,
    events      text[] NOT NULL,
    active      boolean NOT NULL,
    secret      text NOT NULL
);
COMMENT ON TABLE webhooks IS 'The entries of the register of webhooks as they hold now, each with the secret that signs its deliveries.';
COMMENT ON COLUMN webhooks.secret IS 'Shown once, when the webhook is stated; granted to nobody but the service.';
REVOKE ALL ON webhooks FROM PUBLIC;

CREATE TABLE outbox (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    webhook       text NOT NULL REFERENCES webhooks,
    event         text NOT NULL,
    site_id       text,
    seq           bigint,
    data          jsonb NOT NULL,
    occurred_at   timestamptz NOT NULL,
    status        text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts      integer NOT NULL DEFAULT 0,
    waiting_since timestamptz NOT NULL,
    next_at       timestamptz,
    last_error    text,
    done_at       timestamptz
);
COMMENT ON TABLE outbox IS 'One row for each event and webhook: what is delivered, in this order for each webhook, at least once.';
COMMENT ON COLUMN outbox.id IS 'The delivery: the same in every attempt.';
COMMENT ON COLUMN outbox.seq IS 'Of the revision it tells of; null where it tells of no record.';
COMMENT ON COLUMN outbox.next_at IS 'Before then it is not tried again; null: at once.';
CREATE INDEX outbox_open ON outbox (status, webhook, number) WHERE status <> 'delivered';
CREATE INDEX outbox_done ON outbox (done_at) WHERE status <> 'pending';
