-- Everything Inventiv keeps: what a new database gets, as a whole, in one transaction. One that is there
-- already gets what has changed as a step of its own, in inventiv_adapters/schema/migrations: what is
-- said here has to be said there, and a test compares what comes of both. PostgreSQL 14 to 18, no extension.
-- Text that people sort by is COLLATE "C": the order must not depend on the server's locale.

CREATE TABLE IF NOT EXISTS installation (
    only_one   boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    id         uuid NOT NULL DEFAULT gen_random_uuid(),  -- written on every machine we rent
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO installation DEFAULT VALUES ON CONFLICT DO NOTHING;


-- identity

CREATE TABLE IF NOT EXISTS users (
    id            uuid PRIMARY KEY,
    username      text COLLATE "C" NOT NULL UNIQUE CHECK (username = lower(username)),
    email         text COLLATE "C" NOT NULL UNIQUE CHECK (email = lower(email)),
    password_hash text NOT NULL,
    role          text NOT NULL DEFAULT 'user' CHECK (role IN ('admin', 'user')),
    first_name    text,
    last_name     text,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);
ALTER TABLE users
    ADD COLUMN IF NOT EXISTS account_plan text NOT NULL DEFAULT 'free'
        CHECK (account_plan IN ('free', 'subscriber')),
    ADD COLUMN IF NOT EXISTS wallet_balance_eur numeric(10, 2) NOT NULL DEFAULT 0;

CREATE TABLE IF NOT EXISTS organizations (
    id                 uuid PRIMARY KEY,
    name               text NOT NULL,
    slug               text COLLATE "C" NOT NULL,
    created_by_user_id uuid REFERENCES users ON DELETE SET NULL,
    created_at         timestamptz NOT NULL
);
ALTER TABLE organizations
    ALTER COLUMN created_by_user_id DROP NOT NULL,
    DROP CONSTRAINT IF EXISTS organizations_created_by_user_id_fkey,
    ADD CONSTRAINT organizations_created_by_user_id_fkey
        FOREIGN KEY (created_by_user_id) REFERENCES users ON DELETE SET NULL,
    ADD COLUMN IF NOT EXISTS subscription_plan text NOT NULL DEFAULT 'free'
        CHECK (subscription_plan IN ('free', 'subscriber')),
    ADD COLUMN IF NOT EXISTS wallet_balance_eur numeric(10, 2) NOT NULL DEFAULT 0;
ALTER TABLE organizations
    DROP CONSTRAINT IF EXISTS organizations_slug_key,
    ADD COLUMN IF NOT EXISTS deleted_at timestamptz;  -- since when it is only history
CREATE UNIQUE INDEX IF NOT EXISTS organizations_by_slug ON organizations (slug)
    WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS organizations_by_creator ON organizations (created_by_user_id);

CREATE TABLE IF NOT EXISTS organization_memberships (
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    role            text NOT NULL CHECK (role IN ('owner', 'admin', 'manager', 'user')),
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX IF NOT EXISTS organization_memberships_by_user ON organization_memberships (user_id);

CREATE TABLE IF NOT EXISTS organization_invitations (
    id                 uuid PRIMARY KEY,
    organization_id    uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    email              text COLLATE "C" NOT NULL CHECK (email = lower(email)),
    role               text NOT NULL CHECK (role IN ('owner', 'admin', 'manager', 'user')),
    token_hash         text NOT NULL UNIQUE,  -- of the token of this generation
    generation         integer NOT NULL,
    invited_by_user_id uuid REFERENCES users ON DELETE SET NULL,
    invited_by_name    text NOT NULL,  -- as it was then
    created_at         timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL,
    accepted_at        timestamptz,
    revoked_at         timestamptz
);
CREATE UNIQUE INDEX IF NOT EXISTS organization_invitations_open
    ON organization_invitations (organization_id, lower(email))
    WHERE accepted_at IS NULL AND revoked_at IS NULL;
CREATE INDEX IF NOT EXISTS organization_invitations_by_owner
    ON organization_invitations (organization_id, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS organization_invitations_by_inviter
    ON organization_invitations (invited_by_user_id);

CREATE TABLE IF NOT EXISTS user_sessions (
    id                      uuid PRIMARY KEY,
    user_id                 uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    current_organization_id uuid REFERENCES organizations ON DELETE SET NULL,
    token_hash              text NOT NULL UNIQUE,
    ip_address              text,
    user_agent              text,
    created_at              timestamptz NOT NULL,
    last_used_at            timestamptz NOT NULL,
    expires_at              timestamptz NOT NULL,
    revoked_at              timestamptz
);
CREATE INDEX IF NOT EXISTS user_sessions_by_user ON user_sessions (user_id, last_used_at DESC);
CREATE INDEX IF NOT EXISTS user_sessions_by_organization
    ON user_sessions (current_organization_id) WHERE current_organization_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS user_sessions_by_expiry ON user_sessions (expires_at);

-- Tokens that a session had before: good for a moment longer, for requests under way.
CREATE TABLE IF NOT EXISTS replaced_session_tokens (
    token_hash  text PRIMARY KEY,
    session_id  uuid NOT NULL REFERENCES user_sessions ON DELETE CASCADE,
    valid_until timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS replaced_session_tokens_by_session
    ON replaced_session_tokens (session_id);

CREATE TABLE IF NOT EXISTS api_keys (
    id              uuid PRIMARY KEY,
    user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    organization_id uuid REFERENCES organizations ON DELETE CASCADE,  -- null: the personal workspace
    name            text COLLATE "C" NOT NULL,
    key_prefix      text COLLATE "C" NOT NULL,
    key_hash        text NOT NULL UNIQUE,
    expires_at      timestamptz,
    models          text[],  -- null: all
    permissions     text[],  -- null: all that keys may have
    created_at      timestamptz NOT NULL,
    last_used_at    timestamptz,
    revoked_at      timestamptz
);
CREATE INDEX IF NOT EXISTS api_keys_by_user ON api_keys (user_id, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS api_keys_by_organization
    ON api_keys (organization_id, created_at DESC, id DESC);

-- How often something was tried since its window began: logins that failed, for one.
CREATE TABLE IF NOT EXISTS attempts (
    key   text PRIMARY KEY,
    count integer NOT NULL,
    since timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS attempts_by_age ON attempts (since);

-- Rights to choose another password: at most one for each user, gone when used.
CREATE TABLE IF NOT EXISTS password_resets (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL UNIQUE REFERENCES users ON DELETE CASCADE,
    token_hash text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS password_resets_by_expiry ON password_resets (expires_at);

-- Mail that waits, and mail that has ended lately. Tokens of links are derived, and not here.
CREATE TABLE IF NOT EXISTS outgoing_mails (
    id              uuid PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('password_reset', 'invitation', 'address_changed')),
    recipient       text NOT NULL,
    link_id         uuid NOT NULL,
    generation      integer NOT NULL,
    facts           jsonb NOT NULL,
    created_at      timestamptz NOT NULL,
    state           text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'failed')),
    attempts        integer NOT NULL DEFAULT 0,  -- the fencing token, too: grows with every claim
    next_attempt_at timestamptz NOT NULL,  -- during an attempt, when others may take over
    ended_at        timestamptz
);
CREATE INDEX IF NOT EXISTS outgoing_mails_due ON outgoing_mails (next_attempt_at, id)
    WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS outgoing_mails_ended ON outgoing_mails (ended_at)
    WHERE state <> 'waiting';


-- catalog

CREATE TABLE IF NOT EXISTS providers (
    id          uuid PRIMARY KEY,
    name        text COLLATE "C" NOT NULL UNIQUE,
    code        text COLLATE "C" NOT NULL UNIQUE,
    description text,
    is_active   boolean NOT NULL
);

CREATE TABLE IF NOT EXISTS regions (
    id          uuid PRIMARY KEY,
    provider_id uuid NOT NULL REFERENCES providers,
    name        text COLLATE "C" NOT NULL,
    code        text COLLATE "C" NOT NULL,
    is_active   boolean NOT NULL,
    UNIQUE (provider_id, code),
    UNIQUE (provider_id, name),
    UNIQUE (id, provider_id)
);

CREATE TABLE IF NOT EXISTS zones (
    id          uuid PRIMARY KEY,
    region_id   uuid NOT NULL,
    provider_id uuid NOT NULL,
    name        text COLLATE "C" NOT NULL,
    code        text COLLATE "C" NOT NULL,
    is_active   boolean NOT NULL,
    FOREIGN KEY (region_id, provider_id) REFERENCES regions (id, provider_id),
    UNIQUE (provider_id, code),
    UNIQUE (region_id, name)
);

CREATE TABLE IF NOT EXISTS instance_types (
    id              uuid PRIMARY KEY,
    provider_id     uuid NOT NULL REFERENCES providers,
    name            text COLLATE "C" NOT NULL,
    code            text COLLATE "C" NOT NULL,
    gpu_count       integer NOT NULL CHECK (gpu_count >= 0),
    vram_per_gpu_gb integer NOT NULL CHECK (vram_per_gpu_gb >= 0),  -- decimal gigabytes
    cpu_count       integer NOT NULL CHECK (cpu_count >= 0),
    ram_gb          integer NOT NULL CHECK (ram_gb >= 0),  -- decimal gigabytes
    bandwidth_bps   bigint NOT NULL CHECK (bandwidth_bps >= 0),  -- bits per second
    cost_per_hour   numeric(10, 4) CHECK (cost_per_hour >= 0),  -- EUR
    is_active       boolean NOT NULL,
    UNIQUE (provider_id, code),
    UNIQUE (provider_id, name)
);

CREATE TABLE IF NOT EXISTS instance_type_zones (
    instance_type_id uuid NOT NULL REFERENCES instance_types ON DELETE CASCADE,
    zone_id          uuid NOT NULL REFERENCES zones ON DELETE CASCADE,
    is_available     boolean NOT NULL,
    PRIMARY KEY (instance_type_id, zone_id)
);
CREATE INDEX IF NOT EXISTS instance_type_zones_by_zone ON instance_type_zones (zone_id);

ALTER TABLE instance_types
    ADD COLUMN IF NOT EXISTS allocation_params jsonb NOT NULL DEFAULT '{}';

ALTER TABLE instance_types  -- EUR; null: nobody has said, or volumes come with the machine
    ADD COLUMN IF NOT EXISTS volume_cost_per_gb_month numeric(10, 4)
        CHECK (volume_cost_per_gb_month >= 0);

-- What was put off sale by hand: a sync with the provider does not put it on sale again.
CREATE TABLE IF NOT EXISTS withdrawn_instance_type_zones (
    instance_type_id uuid NOT NULL REFERENCES instance_types ON DELETE CASCADE,
    zone_id          uuid NOT NULL REFERENCES zones ON DELETE CASCADE,
    PRIMARY KEY (instance_type_id, zone_id)
);
CREATE INDEX IF NOT EXISTS withdrawn_instance_type_zones_by_zone
    ON withdrawn_instance_type_zones (zone_id);

-- What a type costs from an instant on, until its next price. What was is never changed.
CREATE TABLE IF NOT EXISTS instance_type_prices (
    instance_type_id uuid NOT NULL REFERENCES instance_types ON DELETE CASCADE,
    valid_from       timestamptz NOT NULL,
    cost_per_hour    numeric(10, 4) CHECK (cost_per_hour >= 0),  -- EUR; null: nobody has said
    PRIMARY KEY (instance_type_id, valid_from)
);

-- For searches: one for each order, so that every page of every order costs the same.
CREATE INDEX IF NOT EXISTS providers_by_activity ON providers (is_active, id);
CREATE INDEX IF NOT EXISTS providers_by_name ON providers (name, id);
CREATE INDEX IF NOT EXISTS providers_by_code ON providers (code, id);
CREATE INDEX IF NOT EXISTS regions_by_name ON regions (name, id);
CREATE INDEX IF NOT EXISTS regions_by_code ON regions (code, id);
CREATE INDEX IF NOT EXISTS regions_by_activity ON regions (is_active, id);
CREATE INDEX IF NOT EXISTS zones_by_name ON zones (name, id);
CREATE INDEX IF NOT EXISTS zones_by_code ON zones (code, id);
CREATE INDEX IF NOT EXISTS zones_by_activity ON zones (is_active, id);
CREATE INDEX IF NOT EXISTS instance_types_by_name ON instance_types (name, id);
CREATE INDEX IF NOT EXISTS instance_types_by_code ON instance_types (code, id);
CREATE INDEX IF NOT EXISTS instance_types_by_activity ON instance_types (is_active, id);
CREATE INDEX IF NOT EXISTS instance_types_by_gpus ON instance_types (gpu_count, id);
CREATE INDEX IF NOT EXISTS instance_types_by_vram ON instance_types (vram_per_gpu_gb, id);
CREATE INDEX IF NOT EXISTS instance_types_by_price
    ON instance_types (COALESCE(cost_per_hour, 'Infinity'::numeric), id);

CREATE TABLE IF NOT EXISTS models (
    id               uuid PRIMARY KEY,
    name             text COLLATE "C" NOT NULL,
    model_id         text COLLATE "C" NOT NULL UNIQUE,  -- as on Hugging Face
    required_vram_gb integer NOT NULL CHECK (required_vram_gb >= 0),  -- decimal gigabytes, all GPUs
    context_length   integer NOT NULL CHECK (context_length > 0),  -- tokens
    is_active        boolean NOT NULL,
    data_volume_gb   bigint CHECK (data_volume_gb >= 0),  -- decimal gigabytes
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL
);
ALTER TABLE models
    ADD COLUMN IF NOT EXISTS metadata jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS architecture jsonb;  -- what decides how big it is; null: not known
CREATE INDEX IF NOT EXISTS models_by_name ON models (name, id);

-- What organizations offer of models, as slug/code; prices in euros per million tokens. Without a
-- price, nobody but the organization itself can use it.
CREATE TABLE IF NOT EXISTS organization_models (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    model_id        uuid NOT NULL REFERENCES models,
    name            text COLLATE "C" NOT NULL,
    code            text COLLATE "C" NOT NULL,
    description     text,
    is_active       boolean NOT NULL,
    visibility      text NOT NULL CHECK (visibility IN ('private', 'public')),
    input_price     numeric(14, 6) CHECK (input_price >= 0),
    output_price    numeric(14, 6) CHECK (output_price >= 0),
    cached_price    numeric(14, 6) CHECK (cached_price >= 0),
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz CHECK (ends_at > starts_at),
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    UNIQUE (organization_id, code),
    CHECK ((input_price IS NULL) = (output_price IS NULL)),
    CHECK (cached_price IS NULL OR input_price IS NOT NULL)
);
ALTER TABLE organization_models
    ADD COLUMN IF NOT EXISTS access_policy text NOT NULL DEFAULT 'free'
        CHECK (access_policy IN ('free', 'subscription_required', 'pay_per_token'));
CREATE INDEX IF NOT EXISTS organization_models_by_model ON organization_models (model_id);
-- Who may use what is not for everybody: known by heart, and looked up often.
CREATE INDEX IF NOT EXISTS users_in_standing ON users (id)
    WHERE account_plan <> 'free' OR wallet_balance_eur > 0;
CREATE INDEX IF NOT EXISTS organizations_in_standing ON organizations (id)
    WHERE deleted_at IS NULL AND (subscription_plan <> 'free' OR wallet_balance_eur > 0);

CREATE TABLE IF NOT EXISTS organization_model_shares (
    id                       uuid PRIMARY KEY,
    organization_model_id    uuid NOT NULL REFERENCES organization_models ON DELETE CASCADE,
    provider_organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    consumer_organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    status                   text NOT NULL CHECK (status IN ('active', 'paused', 'revoked')),
    input_price              numeric(14, 6) CHECK (input_price >= 0),  -- null: the offering's
    output_price             numeric(14, 6) CHECK (output_price >= 0),
    cached_price             numeric(14, 6) CHECK (cached_price >= 0),
    starts_at                timestamptz NOT NULL,
    ends_at                  timestamptz CHECK (ends_at > starts_at),
    created_at               timestamptz NOT NULL,
    updated_at               timestamptz NOT NULL,
    CHECK (provider_organization_id <> consumer_organization_id),
    CHECK ((input_price IS NULL) = (output_price IS NULL)),
    CHECK (cached_price IS NULL OR input_price IS NOT NULL)
);
CREATE UNIQUE INDEX IF NOT EXISTS organization_model_shares_once
    ON organization_model_shares (organization_model_id, consumer_organization_id)
    WHERE status <> 'revoked';
CREATE INDEX IF NOT EXISTS organization_model_shares_by_provider
    ON organization_model_shares (provider_organization_id);
CREATE INDEX IF NOT EXISTS organization_model_shares_by_consumer
    ON organization_model_shares (consumer_organization_id);

-- What was there from the start: put there once, whatever has become of it since.
CREATE TABLE IF NOT EXISTS seeded (
    kind text NOT NULL,
    key  text NOT NULL,
    PRIMARY KEY (kind, key)
);


-- settings

-- What an administrator has chosen for everybody. Which settings there are, the code knows.
CREATE TABLE IF NOT EXISTS global_settings (
    key        text COLLATE "C" PRIMARY KEY,
    value      jsonb NOT NULL CHECK (jsonb_typeof(value) IN ('number', 'boolean', 'string')),
    updated_at timestamptz NOT NULL
);

-- What an organization has chosen for a provider.
CREATE TABLE IF NOT EXISTS provider_settings (
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    provider_id     uuid NOT NULL REFERENCES providers ON DELETE CASCADE,
    key             text COLLATE "C" NOT NULL,
    value           jsonb NOT NULL CHECK (jsonb_typeof(value) IN ('number', 'boolean', 'string')),
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, provider_id, key)
);
CREATE INDEX IF NOT EXISTS provider_settings_by_provider ON provider_settings (provider_id);

-- What lets an organization rent machines at a provider, encrypted: the keys are elsewhere.
CREATE TABLE IF NOT EXISTS provider_credentials (
    organization_id    uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    provider_id        uuid NOT NULL REFERENCES providers ON DELETE CASCADE,
    field              text COLLATE "C" NOT NULL,
    key_id             text NOT NULL,  -- names the key that has sealed it
    sealed             bytea NOT NULL,  -- bound to organization, provider and field
    last_four          text,  -- of what is no secret, to tell one from another
    changed_at         timestamptz NOT NULL,
    changed_by_user_id uuid,  -- outlives whom it names
    changed_by_name    text,
    PRIMARY KEY (organization_id, provider_id, field)
);
CREATE INDEX IF NOT EXISTS provider_credentials_by_provider ON provider_credentials (provider_id);


-- instances

CREATE TABLE IF NOT EXISTS instances (
    id                   uuid PRIMARY KEY,
    organization_id      uuid NOT NULL REFERENCES organizations,
    provider_id          uuid NOT NULL REFERENCES providers,
    zone_id              uuid NOT NULL REFERENCES zones,
    instance_type_id     uuid NOT NULL REFERENCES instance_types,
    model_id             uuid NOT NULL REFERENCES models,
    status               text NOT NULL CHECK (status IN (
        'provisioning', 'booting', 'installing', 'starting', 'unavailable', 'ready', 'draining',
        'terminated', 'failed', 'startup_failed', 'terminating', 'provisioning_failed',
        'archived')),
    status_since         timestamptz NOT NULL,
    version              integer NOT NULL,
    provider_instance_id text,
    ip_address           text,
    created_at           timestamptz NOT NULL,
    boot_started_at      timestamptz,
    ready_at             timestamptz,
    failed_at            timestamptz,
    terminated_at        timestamptz,
    missing_since        timestamptz,
    error_code           text,
    error_message        text,
    deletion_reason      text,
    deleted_by_provider  boolean NOT NULL,
    is_archived          boolean NOT NULL
);
ALTER TABLE instances
    ADD COLUMN IF NOT EXISTS is_to_reinstall boolean NOT NULL DEFAULT false,  -- nobody has yet
    ADD COLUMN IF NOT EXISTS life integer NOT NULL DEFAULT 1 CHECK (life >= 1);  -- counts set-ups
CREATE UNIQUE INDEX IF NOT EXISTS instances_by_machine
    ON instances (provider_id, provider_instance_id) WHERE provider_instance_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS instances_by_owner
    ON instances (organization_id, is_archived, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS instances_by_status
    ON instances (organization_id, status, is_archived, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS instances_serving
    ON instances (id) WHERE status = 'ready' AND ip_address IS NOT NULL;
CREATE INDEX IF NOT EXISTS instances_by_model ON instances (model_id);
CREATE INDEX IF NOT EXISTS instances_by_type ON instances (instance_type_id);
CREATE INDEX IF NOT EXISTS instances_by_zone ON instances (zone_id);

-- A price that was not written down has held since the first machine was rented at it.
INSERT INTO instance_type_prices (instance_type_id, valid_from, cost_per_hour)
SELECT t.id, COALESCE((SELECT min(i.created_at) FROM instances i WHERE i.instance_type_id = t.id),
                      now()), t.cost_per_hour
FROM instance_types t
WHERE NOT EXISTS (SELECT FROM instance_type_prices p WHERE p.instance_type_id = t.id);

-- The most that an organization may have at one time; null is no limit, and so is no row.
CREATE TABLE IF NOT EXISTS organization_quotas (
    organization_id uuid PRIMARY KEY REFERENCES organizations ON DELETE CASCADE,
    instances       integer CHECK (instances >= 0),
    gpus            integer CHECK (gpus >= 0),
    eur_per_hour    numeric(12, 4) CHECK (eur_per_hour >= 0)
);

-- What deployments would be: to be applied within minutes, as they are, or not at all.
CREATE TABLE IF NOT EXISTS deployment_plans (
    id                 uuid PRIMARY KEY,
    organization_id    uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    provider_id        uuid NOT NULL,  -- outlives what it names, and so do the others
    zone               text NOT NULL,
    instance_type      text NOT NULL,
    model_id           uuid NOT NULL,
    gpu_count          integer NOT NULL,
    vram_per_gpu_gb    integer NOT NULL,  -- decimal gigabytes
    required_vram_gb   integer NOT NULL,  -- decimal gigabytes, all GPUs
    price_per_hour_eur numeric(10, 4),
    created_at         timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL,
    instance_id        uuid  -- what came of it
);
CREATE INDEX IF NOT EXISTS deployment_plans_by_owner ON deployment_plans (organization_id);
CREATE INDEX IF NOT EXISTS deployment_plans_by_expiry ON deployment_plans (expires_at);
CREATE INDEX IF NOT EXISTS instances_that_served
    ON instances (organization_id, model_id, instance_type_id, zone_id, created_at DESC, id DESC)
    WHERE ready_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS instance_state_history (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance_id uuid NOT NULL REFERENCES instances ON DELETE CASCADE,
    from_status text,
    to_status   text NOT NULL,
    reason      text NOT NULL,
    created_at  timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS instance_state_history_by_instance
    ON instance_state_history (instance_id, id);

-- The disks of machines, as far as providers tell of them.
CREATE TABLE IF NOT EXISTS instance_volumes (
    id                 uuid PRIMARY KEY,
    instance_id        uuid NOT NULL REFERENCES instances ON DELETE CASCADE,
    provider_volume_id text NOT NULL,
    name               text,
    volume_type        text NOT NULL,
    size_gb            bigint,  -- decimal gigabytes
    is_boot            boolean NOT NULL,
    status             text NOT NULL CHECK (status IN ('attached', 'detached', 'deleted')),
    created_at         timestamptz NOT NULL,
    attached_at        timestamptz,
    deleted_at         timestamptz,
    reconciled_at      timestamptz NOT NULL,
    UNIQUE (instance_id, provider_volume_id)
);

-- Who answers for an instance; no row: nobody does.
CREATE TABLE IF NOT EXISTS instance_activations (
    instance_id       uuid PRIMARY KEY REFERENCES instances ON DELETE CASCADE,
    tech_activated_by uuid,  -- outlives the user
    tech_activated_at timestamptz,
    eco_activated_by  uuid,
    eco_activated_at  timestamptz
);

-- What organizations want before their instances get calls; no row is no wish.
CREATE TABLE IF NOT EXISTS activation_policies (
    organization_id            uuid PRIMARY KEY REFERENCES organizations ON DELETE CASCADE,
    requires_double_activation boolean NOT NULL
);

-- One row for each instance that the reconciler still has to look at.
CREATE TABLE IF NOT EXISTS instance_leases (
    instance_id uuid PRIMARY KEY REFERENCES instances ON DELETE CASCADE,
    due_at      timestamptz,  -- null: not until somebody asks; during a claim, asked for since
    token       bigint NOT NULL DEFAULT 0,  -- the fencing token: grows with every claim
    until       timestamptz,  -- how long somebody may work on it; null: nobody does
    attempts    integer NOT NULL DEFAULT 0
);
DROP INDEX IF EXISTS instance_leases_by_due;
CREATE INDEX IF NOT EXISTS instance_leases_by_turn ON instance_leases (COALESCE(until, due_at));

CREATE TABLE IF NOT EXISTS workers (
    instance_id       uuid PRIMARY KEY REFERENCES instances ON DELETE CASCADE,
    status            text NOT NULL CHECK (status IN ('starting', 'ready', 'draining')),
    worker_id         uuid,
    model_id          text,
    vllm_port         integer CHECK (vllm_port BETWEEN 1 AND 65535),
    health_port       integer CHECK (health_port BETWEEN 1 AND 65535),
    queue_depth       integer,
    gpu_utilization   double precision,  -- percent, mean over all GPUs
    agent_version     text,
    metadata          jsonb,
    registered_at     timestamptz NOT NULL,
    last_heartbeat_at timestamptz NOT NULL
);
ALTER TABLE workers
    ADD COLUMN IF NOT EXISTS former_id uuid,  -- the process before: what comes of it is too late
    SET (fillfactor = 50);  -- every row is written anew every few seconds, in its own page

CREATE TABLE IF NOT EXISTS worker_auth_tokens (
    instance_id  uuid PRIMARY KEY REFERENCES instances ON DELETE CASCADE,
    token_hash   text NOT NULL,
    token_prefix text NOT NULL,
    generation   integer NOT NULL,
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz,
    revoked_at   timestamptz
);
ALTER TABLE worker_auth_tokens
    ADD COLUMN IF NOT EXISTS previous_hash text,
    ADD COLUMN IF NOT EXISTS previous_until timestamptz,  -- null: until the present one is used
    ADD COLUMN IF NOT EXISTS retired_id uuid;  -- the process of the machine's former life


-- observability

-- Makes the partition of a table that begins there, if it is missing. It is attached, not
-- created in place, so that nobody who reads or writes has to wait.
CREATE OR REPLACE FUNCTION make_partition(parent text, begins timestamptz, ends timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text := parent || to_char(begins AT TIME ZONE 'UTC', '"_"YYYYMMDD"t"HH24');
BEGIN
    IF to_regclass(quote_ident(name)) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext(name));
    -- what somebody else has made meanwhile is in the table already, and not yet in our cache of it
    IF NOT EXISTS (
        SELECT FROM pg_class
        WHERE relname = name AND relnamespace = current_schema()::regnamespace
    ) THEN
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', name, parent);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       parent, name, begins, ends);
    END IF;
END $$;

-- Drops the partitions of a table that end by then. Whoever is in the way for long is not
-- waited for: there is another time.
CREATE OR REPLACE FUNCTION drop_partitions(parent text, ended_by timestamptz)
RETURNS void LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
    old regclass;
BEGIN
    FOR old IN
        SELECT c.oid::regclass FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
        WHERE h.inhparent = parent::regclass
          AND (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz
              <= ended_by
    LOOP
        EXECUTE format('DROP TABLE %s', old);
    END LOOP;
END $$;

CREATE TABLE IF NOT EXISTS gpu_samples (
    instance_id   uuid NOT NULL,
    gpu_index     integer NOT NULL,
    at            timestamptz NOT NULL,  -- when we heard of it
    gpu_pct       double precision,
    vram_used_mb  double precision,
    vram_total_mb double precision,
    temp_c        double precision,
    power_w       double precision,
    power_limit_w double precision,
    PRIMARY KEY (instance_id, gpu_index, at)
) PARTITION BY RANGE (at);

CREATE TABLE IF NOT EXISTS system_samples (
    instance_id        uuid NOT NULL,
    at                 timestamptz NOT NULL,
    cpu_pct            double precision,
    load1              double precision,
    mem_used_bytes     double precision,
    mem_total_bytes    double precision,
    disk_used_bytes    double precision,
    disk_total_bytes   double precision,
    net_rx_bytes_per_s double precision,
    net_tx_bytes_per_s double precision,
    PRIMARY KEY (instance_id, at)
) PARTITION BY RANGE (at);

-- Sums and counts, so that means are exact at every level; of what there is in all, the most.
CREATE TABLE IF NOT EXISTS gpu_samples_1m (
    instance_id        uuid NOT NULL,
    gpu_index          integer NOT NULL,
    at                 timestamptz NOT NULL,  -- where it begins
    gpu_pct_sum        double precision,
    gpu_pct_count      bigint NOT NULL,
    gpu_pct_min        double precision,
    gpu_pct_max        double precision,
    vram_used_mb_sum   double precision,
    vram_used_mb_count bigint NOT NULL,
    vram_used_mb_min   double precision,
    vram_used_mb_max   double precision,
    temp_c_sum         double precision,
    temp_c_count       bigint NOT NULL,
    temp_c_min         double precision,
    temp_c_max         double precision,
    power_w_sum        double precision,
    power_w_count      bigint NOT NULL,
    power_w_min        double precision,
    power_w_max        double precision,
    vram_total_mb      double precision,
    power_limit_w      double precision,
    PRIMARY KEY (instance_id, gpu_index, at)
) PARTITION BY RANGE (at);
CREATE TABLE IF NOT EXISTS gpu_samples_1h (LIKE gpu_samples_1m INCLUDING ALL) PARTITION BY RANGE (at);
CREATE TABLE IF NOT EXISTS gpu_samples_1d (LIKE gpu_samples_1m INCLUDING ALL) PARTITION BY RANGE (at);

CREATE TABLE IF NOT EXISTS system_samples_1m (
    instance_id              uuid NOT NULL,
    at                       timestamptz NOT NULL,
    cpu_pct_sum              double precision,
    cpu_pct_count            bigint NOT NULL,
    cpu_pct_min              double precision,
    cpu_pct_max              double precision,
    load1_sum                double precision,
    load1_count              bigint NOT NULL,
    load1_min                double precision,
    load1_max                double precision,
    mem_used_bytes_sum       double precision,
    mem_used_bytes_count     bigint NOT NULL,
    mem_used_bytes_min       double precision,
    mem_used_bytes_max       double precision,
    disk_used_bytes_sum      double precision,
    disk_used_bytes_count    bigint NOT NULL,
    disk_used_bytes_min      double precision,
    disk_used_bytes_max      double precision,
    net_rx_bytes_per_s_sum   double precision,
    net_rx_bytes_per_s_count bigint NOT NULL,
    net_rx_bytes_per_s_min   double precision,
    net_rx_bytes_per_s_max   double precision,
    net_tx_bytes_per_s_sum   double precision,
    net_tx_bytes_per_s_count bigint NOT NULL,
    net_tx_bytes_per_s_min   double precision,
    net_tx_bytes_per_s_max   double precision,
    mem_total_bytes          double precision,
    disk_total_bytes         double precision,
    PRIMARY KEY (instance_id, at)
) PARTITION BY RANGE (at);
CREATE TABLE IF NOT EXISTS system_samples_1h (LIKE system_samples_1m INCLUDING ALL) PARTITION BY RANGE (at);
CREATE TABLE IF NOT EXISTS system_samples_1d (LIKE system_samples_1m INCLUDING ALL) PARTITION BY RANGE (at);

-- Which sums have to be computed anew, because something they are made of has changed.
CREATE TABLE IF NOT EXISTS sample_marks (
    level     text NOT NULL CHECK (level IN ('minute', 'hour', 'day')),
    begins    timestamptz NOT NULL,
    marked_at timestamptz NOT NULL,
    PRIMARY KEY (level, begins)
);

-- What workers have served, and how it went.
CREATE TABLE IF NOT EXISTS runtime_models (
    organization_id uuid NOT NULL,
    model_id        text COLLATE "C" NOT NULL,
    first_seen_at   timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    total_requests  bigint NOT NULL DEFAULT 0,
    failed_requests bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (organization_id, model_id)
);

CREATE TABLE IF NOT EXISTS instance_request_metrics (
    instance_id         uuid PRIMARY KEY REFERENCES instances ON DELETE CASCADE,
    total_requests      bigint NOT NULL,
    successful_requests bigint NOT NULL,
    failed_requests     bigint NOT NULL,
    total_input_tokens  bigint NOT NULL,
    total_output_tokens bigint NOT NULL,
    total_tokens        bigint NOT NULL,
    first_request_at    timestamptz NOT NULL,
    last_request_at     timestamptz NOT NULL
);


-- what operators trigger

-- Carried out by whichever process comes to it; who has begun and is silent has lost it.
CREATE TABLE IF NOT EXISTS commands (
    id               uuid PRIMARY KEY,
    kind             text NOT NULL CHECK (kind IN ('reconcile', 'sync_catalog')),
    asked_by_user_id uuid NOT NULL,  -- outlives the user
    asked_by_name    text,
    source_ip        text,
    asked_at         timestamptz NOT NULL,
    state            text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    attempts         integer NOT NULL,  -- also the fencing token
    began_at         timestamptz,
    lease_until      timestamptz,
    ended_at         timestamptz,
    result           jsonb,
    error_code       text,
    error            text
);
CREATE UNIQUE INDEX IF NOT EXISTS commands_under_way
    ON commands (kind, state) WHERE state IN ('waiting', 'running');
CREATE INDEX IF NOT EXISTS commands_by_age ON commands (asked_at DESC, id DESC);

-- what was done

CREATE TABLE IF NOT EXISTS action_logs (
    id                     uuid PRIMARY KEY,
    action_type            text NOT NULL,
    component              text NOT NULL CHECK (component IN ('api', 'orchestrator')),
    status                 text NOT NULL CHECK (status IN ('in_progress', 'success', 'failed')),
    organization_id        uuid NOT NULL,  -- outlives what it names
    instance_id            uuid,
    user_id                uuid,
    source_ip              text,
    error_code             text,
    error_message          text,
    metadata               jsonb NOT NULL,
    instance_status_before text,
    instance_status_after  text,
    duration_ms            bigint,
    created_at             timestamptz NOT NULL,
    completed_at           timestamptz
);
ALTER TABLE action_logs
    ALTER COLUMN organization_id DROP NOT NULL,  -- null: the platform's own books
    ADD COLUMN IF NOT EXISTS actor_name text,  -- as it was then
    ADD COLUMN IF NOT EXISTS api_key_id uuid;
CREATE INDEX IF NOT EXISTS action_logs_by_owner ON action_logs (organization_id, created_at DESC, id DESC);

-- The books are append-only: what has ended is never changed, and nothing is ever deleted.
CREATE OR REPLACE FUNCTION keep_the_books() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'action_logs is append-only';
END $$;
CREATE OR REPLACE TRIGGER action_logs_are_kept
    BEFORE DELETE ON action_logs FOR EACH ROW EXECUTE FUNCTION keep_the_books();
CREATE OR REPLACE TRIGGER action_logs_are_final
    BEFORE UPDATE ON action_logs FOR EACH ROW WHEN (OLD.status <> 'in_progress')
    EXECUTE FUNCTION keep_the_books();
CREATE INDEX IF NOT EXISTS action_logs_by_instance
    ON action_logs (instance_id, action_type, created_at DESC, id DESC);

CREATE TABLE IF NOT EXISTS inference_usage (
    id              uuid PRIMARY KEY,
    occurred_at     timestamptz NOT NULL,
    organization_id uuid NOT NULL,
    user_id         uuid,
    instance_id     uuid NOT NULL,
    model_id        text NOT NULL,
    path            text NOT NULL,
    streamed        boolean NOT NULL,
    status_code     integer NOT NULL,
    input_tokens    bigint,
    output_tokens   bigint,
    total_tokens    bigint,
    ttft_ms         bigint,
    duration_ms     bigint NOT NULL
);
ALTER TABLE inference_usage ADD COLUMN IF NOT EXISTS api_key_id uuid;
ALTER TABLE inference_usage ADD COLUMN IF NOT EXISTS request_id text NOT NULL DEFAULT '';
ALTER TABLE inference_usage ADD COLUMN IF NOT EXISTS provider_organization_id uuid;
ALTER TABLE inference_usage ADD COLUMN IF NOT EXISTS offering_id uuid;
ALTER TABLE inference_usage ADD COLUMN IF NOT EXISTS share_id uuid;
ALTER TABLE inference_usage ADD COLUMN IF NOT EXISTS price jsonb;  -- what the provider took then; null: one's own
ALTER TABLE inference_usage ALTER COLUMN organization_id DROP NOT NULL;  -- null: a personal workspace
ALTER TABLE inference_usage ADD COLUMN IF NOT EXISTS outcome text NOT NULL DEFAULT 'complete';
ALTER TABLE inference_usage ADD COLUMN IF NOT EXISTS cached_tokens bigint;
ALTER TABLE inference_usage ALTER COLUMN instance_id DROP NOT NULL;  -- null: there was none to ask
CREATE INDEX IF NOT EXISTS inference_usage_by_owner ON inference_usage (organization_id, occurred_at DESC);

-- How much may be used. What a limit is for, and is there no longer, uses nothing.
CREATE TABLE IF NOT EXISTS inference_limits (
    id                  uuid PRIMARY KEY,
    issuer              text NOT NULL CHECK (issuer IN ('organization', 'platform')),
    organization_id     uuid REFERENCES organizations ON DELETE CASCADE,  -- null: each workspace by itself
    user_id             uuid,
    api_key_id          uuid,
    model               text COLLATE "C",
    requests_per_minute bigint CHECK (requests_per_minute > 0),
    tokens_per_minute   bigint CHECK (tokens_per_minute > 0),
    concurrent_calls    bigint CHECK (concurrent_calls > 0),
    tokens_per_day      bigint CHECK (tokens_per_day > 0),
    tokens_per_month    bigint CHECK (tokens_per_month > 0),
    eur_per_day         numeric(14, 6) CHECK (eur_per_day > 0),
    eur_per_month       numeric(14, 6) CHECK (eur_per_month > 0),
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    CHECK (issuer = 'platform' OR organization_id IS NOT NULL)
);
CREATE UNIQUE INDEX IF NOT EXISTS inference_limits_once ON inference_limits (
    issuer,
    COALESCE(organization_id, '00000000-0000-0000-0000-000000000000'),
    COALESCE(user_id, '00000000-0000-0000-0000-000000000000'),
    COALESCE(api_key_id, '00000000-0000-0000-0000-000000000000'),
    COALESCE(model, ''));
CREATE INDEX IF NOT EXISTS inference_limits_by_owner ON inference_limits (organization_id);

-- the workbench: what people say there goes with them, and after as many days as their organization wants

CREATE TABLE IF NOT EXISTS workbench_projects (
    id              uuid PRIMARY KEY,
    owner_user_id   uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    organization_id uuid REFERENCES organizations ON DELETE CASCADE,  -- null: the personal workspace
    name            text COLLATE "C" NOT NULL,
    org_access      text CHECK (org_access IN ('read', 'write')),  -- what other members may
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    deleted_at      timestamptz,
    CHECK (org_access IS NULL OR organization_id IS NOT NULL)
);
CREATE INDEX IF NOT EXISTS workbench_projects_by_owner ON workbench_projects (owner_user_id);
CREATE INDEX IF NOT EXISTS workbench_projects_shared ON workbench_projects (organization_id)
    WHERE org_access IS NOT NULL;
CREATE INDEX IF NOT EXISTS workbench_projects_deleted ON workbench_projects (deleted_at)
    WHERE deleted_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS workbench_runs (
    id                     uuid PRIMARY KEY,
    organization_id        uuid REFERENCES organizations ON DELETE CASCADE,
    created_by_user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    created_via_api_key_id uuid,
    project_id             uuid REFERENCES workbench_projects ON DELETE SET NULL,
    title                  text,
    model_id               text COLLATE "C" NOT NULL,
    mode                   text NOT NULL CHECK (mode IN ('chat', 'validation', 'batch')),
    status                 text NOT NULL CHECK (status IN ('in_progress', 'success', 'failed', 'cancelled')),
    ttft_ms                bigint,
    duration_ms            bigint,
    error_message          text,
    input_tokens           bigint,
    output_tokens          bigint,
    cached_input_tokens    bigint,
    cost_eur               numeric,
    message_count          integer NOT NULL,
    org_access             text CHECK (org_access IN ('read', 'write')),
    metadata               jsonb NOT NULL,
    created_at             timestamptz NOT NULL,
    started_at             timestamptz NOT NULL,
    updated_at             timestamptz NOT NULL,
    completed_at           timestamptz,
    deleted_at             timestamptz,
    CHECK (org_access IS NULL OR organization_id IS NOT NULL)
);
CREATE INDEX IF NOT EXISTS workbench_runs_by_user ON workbench_runs (created_by_user_id, created_at, id);
CREATE INDEX IF NOT EXISTS workbench_runs_by_key ON workbench_runs (created_via_api_key_id, created_at, id);
CREATE INDEX IF NOT EXISTS workbench_runs_shared ON workbench_runs (organization_id, created_at, id)
    WHERE org_access IS NOT NULL;
CREATE INDEX IF NOT EXISTS workbench_runs_by_age ON workbench_runs (organization_id, updated_at);
CREATE INDEX IF NOT EXISTS workbench_runs_by_project ON workbench_runs (project_id);
CREATE INDEX IF NOT EXISTS workbench_runs_deleted ON workbench_runs (deleted_at)
    WHERE deleted_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS workbench_messages (
    id                  uuid PRIMARY KEY,
    run_id              uuid NOT NULL REFERENCES workbench_runs ON DELETE CASCADE,
    message_index       integer NOT NULL CHECK (message_index >= 0),
    sent_index          integer NOT NULL CHECK (sent_index >= 0),  -- as the client has counted
    role                text NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
    content             text NOT NULL,  -- empty where no content is kept
    created_at          timestamptz NOT NULL,
    input_tokens        bigint,
    output_tokens       bigint,
    cached_input_tokens bigint,
    UNIQUE (run_id, message_index)
);
CREATE INDEX IF NOT EXISTS workbench_messages_as_sent ON workbench_messages (run_id, sent_index);

CREATE TABLE IF NOT EXISTS workbench_retention (
    organization_id   uuid PRIMARY KEY REFERENCES organizations ON DELETE CASCADE,
    delete_after_days integer CHECK (delete_after_days BETWEEN 1 AND 3650),  -- null: never
    keeps_content     boolean NOT NULL
);

-- finops

-- What providers bill, machine by machine: since it was made, until its end was confirmed.
CREATE TABLE IF NOT EXISTS rentals (
    id               uuid PRIMARY KEY,
    organization_id  uuid NOT NULL REFERENCES organizations,
    instance_id      uuid NOT NULL REFERENCES instances,
    provider_id      uuid NOT NULL REFERENCES providers,
    zone_id          uuid NOT NULL REFERENCES zones,
    instance_type_id uuid NOT NULL REFERENCES instance_types,
    machine_id       text COLLATE "C" NOT NULL,  -- the provider's name for it
    started_at       timestamptz NOT NULL,
    ended_at         timestamptz CHECK (ended_at >= started_at),
    UNIQUE (provider_id, machine_id)
);
CREATE INDEX IF NOT EXISTS rentals_by_instance ON rentals (instance_id);
CREATE INDEX IF NOT EXISTS rentals_by_start ON rentals (started_at);
CREATE INDEX IF NOT EXISTS rentals_by_end
    ON rentals (organization_id, COALESCE(ended_at, 'infinity'::timestamptz));
CREATE INDEX IF NOT EXISTS rentals_by_end_of_all
    ON rentals (COALESCE(ended_at, 'infinity'::timestamptz));
CREATE INDEX IF NOT EXISTS rentals_by_type ON rentals (instance_type_id);

ALTER TABLE rentals  -- EUR, beside what the machine costs
    ADD COLUMN IF NOT EXISTS volumes_per_hour numeric(14, 6) NOT NULL DEFAULT 0
        CHECK (volumes_per_hour >= 0);

-- A machine that was not written down is billed since its request was answered.
INSERT INTO rentals (id, organization_id, instance_id, provider_id, zone_id, instance_type_id,
                     machine_id, started_at, ended_at)
SELECT gen_random_uuid(), i.organization_id, i.id, i.provider_id, i.zone_id, i.instance_type_id,
       i.provider_instance_id, since.at, GREATEST(i.terminated_at, since.at)
FROM instances i
CROSS JOIN LATERAL (
    SELECT COALESCE(min(l.completed_at), i.boot_started_at, i.created_at) AS at
    FROM action_logs l
    WHERE l.instance_id = i.id AND l.action_type = 'PROVIDER_CREATE' AND l.status = 'success'
) since
WHERE i.provider_instance_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM rentals r WHERE r.instance_id = i.id)
ON CONFLICT DO NOTHING;

-- What is paid for and not wanted. Without references: nobody may ever have known of it.
CREATE TABLE IF NOT EXISTS leaks (
    id               uuid PRIMARY KEY,
    provider_code    text NOT NULL,
    machine_id       text COLLATE "C" NOT NULL,  -- the provider's name for it
    zone             text NOT NULL,
    instance_type    text NOT NULL,
    organization_id  uuid NOT NULL,
    instance_id      uuid NOT NULL,
    reason           text NOT NULL CHECK (reason IN ('terminated', 'duplicate', 'stray')),
    since            timestamptz NOT NULL,
    until            timestamptz CHECK (until >= since),
    cost_per_hour    numeric,  -- EUR; null where nobody has said
    volumes_per_hour numeric(14, 6) NOT NULL CHECK (volumes_per_hour >= 0),
    UNIQUE (provider_code, machine_id)
);
CREATE INDEX IF NOT EXISTS leaks_by_instance ON leaks (instance_id);
CREATE INDEX IF NOT EXISTS leaks_by_age ON leaks ((until IS NULL) DESC, since DESC, id DESC);

-- The books of hours that are over. Amounts are euros per hour times seconds: 3600 are a euro.
CREATE TABLE IF NOT EXISTS closed_hours (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    until    timestamptz
);
INSERT INTO closed_hours DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS cost_hours (
    organization_id  uuid NOT NULL REFERENCES organizations,
    hour             timestamptz NOT NULL,
    provider_id      uuid NOT NULL REFERENCES providers,
    zone_id          uuid NOT NULL REFERENCES zones,
    instance_type_id uuid NOT NULL REFERENCES instance_types,
    amount           numeric NOT NULL,
    PRIMARY KEY (organization_id, hour, provider_id, zone_id, instance_type_id)
);
CREATE INDEX IF NOT EXISTS cost_hours_by_hour ON cost_hours (hour);
CREATE INDEX IF NOT EXISTS cost_hours_by_type ON cost_hours (instance_type_id, hour);

-- The same by days (UTC), of days of which every hour is closed.
CREATE TABLE IF NOT EXISTS cost_days (
    organization_id  uuid NOT NULL REFERENCES organizations,
    day              timestamptz NOT NULL,
    provider_id      uuid NOT NULL REFERENCES providers,
    zone_id          uuid NOT NULL REFERENCES zones,
    instance_type_id uuid NOT NULL REFERENCES instance_types,
    amount           numeric NOT NULL,
    PRIMARY KEY (organization_id, day, provider_id, zone_id, instance_type_id)
);

-- What closed hours were found to cost more or less. What is booked is never changed.
CREATE TABLE IF NOT EXISTS cost_adjustments (
    id               uuid PRIMARY KEY,
    organization_id  uuid NOT NULL REFERENCES organizations,
    provider_id      uuid NOT NULL REFERENCES providers,
    zone_id          uuid NOT NULL REFERENCES zones,
    instance_type_id uuid NOT NULL REFERENCES instance_types,
    hour             timestamptz NOT NULL,
    amount           numeric NOT NULL,
    reason           text NOT NULL
        CHECK (reason IN ('rental_began', 'rental_ended', 'price_changed')),
    instance_id      uuid,
    recorded_at      timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS cost_adjustments_by_owner ON cost_adjustments (organization_id, hour);
CREATE INDEX IF NOT EXISTS cost_adjustments_by_time
    ON cost_adjustments (recorded_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS cost_adjustments_by_type ON cost_adjustments (instance_type_id, hour);

CREATE OR REPLACE FUNCTION keep_the_costs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what is booked is never changed';
END $$;
CREATE OR REPLACE TRIGGER cost_hours_are_final
    BEFORE UPDATE OR DELETE ON cost_hours FOR EACH ROW EXECUTE FUNCTION keep_the_costs();
CREATE OR REPLACE TRIGGER cost_days_are_final
    BEFORE UPDATE OR DELETE ON cost_days FOR EACH ROW EXECUTE FUNCTION keep_the_costs();
CREATE OR REPLACE TRIGGER cost_adjustments_are_final
    BEFORE UPDATE OR DELETE ON cost_adjustments FOR EACH ROW EXECUTE FUNCTION keep_the_costs();

-- The prices by which hours were closed.
CREATE TABLE IF NOT EXISTS booked_prices (
    instance_type_id uuid NOT NULL REFERENCES instance_types ON DELETE CASCADE,
    valid_from       timestamptz NOT NULL,
    cost_per_hour    numeric(10, 4),
    PRIMARY KEY (instance_type_id, valid_from)
);


-- Wallets hold micro-euros; a balance is the sum of its entries.
DO $$ BEGIN
    IF (SELECT numeric_scale FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = 'users'
          AND column_name = 'wallet_balance_eur') < 6 THEN
        ALTER TABLE users ALTER COLUMN wallet_balance_eur TYPE numeric(18, 6);
        ALTER TABLE organizations ALTER COLUMN wallet_balance_eur TYPE numeric(18, 6);
    END IF;
END $$;

CREATE TABLE IF NOT EXISTS wallet_entries (
    seq             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              uuid NOT NULL UNIQUE,
    user_id         uuid,  -- outlives whom it names
    organization_id uuid,
    kind            text NOT NULL CHECK (kind IN ('top_up', 'tokens')),
    amount_eur      numeric(18, 6) NOT NULL,
    balance_eur     numeric(18, 6) NOT NULL,
    note            text,
    at              timestamptz NOT NULL,
    CHECK ((user_id IS NULL) <> (organization_id IS NULL))
);
CREATE INDEX IF NOT EXISTS wallet_entries_by_user ON wallet_entries (user_id, at)
    WHERE user_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS wallet_entries_by_organization ON wallet_entries (organization_id, at)
    WHERE organization_id IS NOT NULL;
CREATE OR REPLACE TRIGGER wallet_entries_are_final
    BEFORE UPDATE OR DELETE ON wallet_entries FOR EACH ROW EXECUTE FUNCTION keep_the_costs();

-- What tokens cost from an instant on; what goes before what, the code knows.
CREATE TABLE IF NOT EXISTS token_prices (
    id               uuid PRIMARY KEY,
    kind             text NOT NULL CHECK (kind IN ('model', 'offering', 'share')),
    key              text COLLATE "C" NOT NULL,
    input_eur        numeric NOT NULL CHECK (input_eur >= 0),
    output_eur       numeric NOT NULL CHECK (output_eur >= 0),
    cached_input_eur numeric NOT NULL CHECK (cached_input_eur >= 0),
    per_tokens       integer NOT NULL CHECK (per_tokens IN (1000, 1000000)),
    valid_from       timestamptz NOT NULL,
    UNIQUE (kind, key, valid_from)
);

-- What was charged for each request that used tokens, once.
CREATE TABLE IF NOT EXISTS token_charges (
    request_id          uuid PRIMARY KEY,
    user_id             uuid,
    organization_id     uuid,
    api_key_id          uuid,
    instance_id         uuid,
    model_id            text COLLATE "C" NOT NULL,
    input_tokens        bigint NOT NULL,
    cached_input_tokens bigint NOT NULL,
    output_tokens       bigint NOT NULL,
    used_at             timestamptz NOT NULL,
    price_id            uuid,
    amount_eur          numeric(18, 6) NOT NULL,
    charged_at          timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS token_charges_by_user ON token_charges (user_id, charged_at)
    WHERE organization_id IS NULL;
CREATE INDEX IF NOT EXISTS token_charges_by_organization
    ON token_charges (organization_id, charged_at) WHERE organization_id IS NOT NULL;

-- What has happened and is to be told. Ids follow the order of insertion, not of commit.
CREATE TABLE IF NOT EXISTS outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         text NOT NULL,
    payload      jsonb NOT NULL,
    occurred_at  timestamptz NOT NULL,
    published_at timestamptz
);
ALTER TABLE outbox
    ADD COLUMN IF NOT EXISTS organization_id uuid,  -- whose it is; null: nobody's
    ADD COLUMN IF NOT EXISTS sequence bigint;  -- its place among what is told; null: not yet known
DROP INDEX IF EXISTS outbox_waiting;
CREATE UNIQUE INDEX IF NOT EXISTS outbox_by_sequence ON outbox (sequence);
CREATE INDEX IF NOT EXISTS outbox_by_owner
    ON outbox (organization_id, sequence) WHERE sequence IS NOT NULL;
CREATE INDEX IF NOT EXISTS outbox_without_number
    ON outbox (id) WHERE sequence IS NULL AND published_at IS NULL;
CREATE INDEX IF NOT EXISTS outbox_unpublished ON outbox (sequence) WHERE published_at IS NULL;
CREATE INDEX IF NOT EXISTS outbox_published ON outbox (occurred_at) WHERE published_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS outbox_numbers (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    last     bigint NOT NULL DEFAULT 0  -- the number that was given last
);

-- Numbers what was committed, without gaps. Whoever does so waits for the one before to commit:
-- so a number is never seen before all smaller ones. In one call, so that nobody's lock ever
-- waits for a client; in several statements, so that what is numbered is looked up under the lock.
CREATE OR REPLACE FUNCTION number_events(at_most integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM outbox WHERE sequence IS NULL AND published_at IS NULL) THEN
        RETURN;
    END IF;
    INSERT INTO outbox_numbers DEFAULT VALUES ON CONFLICT DO NOTHING;
    PERFORM FROM outbox_numbers FOR UPDATE;
    WITH waiting AS (
        SELECT id FROM outbox WHERE sequence IS NULL AND published_at IS NULL
        ORDER BY id LIMIT at_most
    ), placed AS (
        SELECT id, row_number() OVER (ORDER BY id) AS place FROM waiting
    ), numbered AS (
        UPDATE outbox SET sequence = outbox_numbers.last + placed.place
        FROM placed, outbox_numbers WHERE outbox.id = placed.id
        RETURNING outbox.id
    )
    UPDATE outbox_numbers SET last = last + (SELECT count(*) FROM numbered);
END $$;

-- Requests that had an Idempotency-Key, and what came of them.
CREATE TABLE IF NOT EXISTS idempotency_keys (
    scope       uuid NOT NULL,  -- the organization
    key         text NOT NULL,
    fingerprint text NOT NULL,
    began_at    timestamptz NOT NULL,
    result      text,
    PRIMARY KEY (scope, key)
);
CREATE INDEX IF NOT EXISTS idempotency_keys_by_age ON idempotency_keys (began_at);
