-- A machine that is set up anew begins another life, and what is paid for and not wanted is counted.
ALTER TABLE instances
    ADD COLUMN IF NOT EXISTS life integer NOT NULL DEFAULT 1 CHECK (life >= 1);
ALTER TABLE worker_auth_tokens
    ADD COLUMN IF NOT EXISTS retired_id uuid;

CREATE TABLE IF NOT EXISTS leaks (
    id               uuid PRIMARY KEY,
    provider_code    text NOT NULL,
    machine_id       text COLLATE "C" NOT NULL,
    zone             text NOT NULL,
    instance_type    text NOT NULL,
    organization_id  uuid NOT NULL,
    instance_id      uuid NOT NULL,
    reason           text NOT NULL CHECK (reason IN ('terminated', 'duplicate', 'stray')),
    since            timestamptz NOT NULL,
    until            timestamptz CHECK (until >= since),
    cost_per_hour    numeric,
    volumes_per_hour numeric(14, 6) NOT NULL CHECK (volumes_per_hour >= 0),
    UNIQUE (provider_code, machine_id)
);
CREATE INDEX IF NOT EXISTS leaks_by_instance ON leaks (instance_id);
CREATE INDEX IF NOT EXISTS leaks_by_age ON leaks ((until IS NULL) DESC, since DESC, id DESC);
