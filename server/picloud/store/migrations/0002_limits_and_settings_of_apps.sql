-- Every limit of a version, and what an app gives to its scripts: env, secrets, egress policy.

CREATE TYPE version_isolation AS ENUM (
    'sandbox',   -- an interpreter lives for many invocations
    'invocation' -- it is reset after each
);
ALTER TABLE versions
    ADD COLUMN limits jsonb,
    ADD COLUMN isolation version_isolation NOT NULL DEFAULT 'sandbox';

-- The limits that had no column were the same for every version: they are pinned as they were.
ALTER TABLE versions DISABLE TRIGGER version_is_immutable;
UPDATE versions SET limits = jsonb_build_object(
    'timeout_ms', timeout_ms,
    'cpu_ms', greatest(timeout_ms, 10000),
    'memory_mb', memory_mb,
    'request_bytes', 10485760,
    'response_bytes', 10485760,
    'header_bytes', 32768,
    'log_bytes', 262144,
    'log_line_bytes', 65536,
    'concurrency', 32,
    'sandboxes', 0,
    'rate_per_second', 0,
    'open_responses', 64,
    'stream_idle_ms', 30000
);
ALTER TABLE versions ENABLE TRIGGER version_is_immutable;
ALTER TABLE versions
    ALTER COLUMN limits SET NOT NULL,
    ALTER COLUMN isolation DROP DEFAULT,
    DROP CONSTRAINT version_limits_positive,
    DROP COLUMN timeout_ms,
    DROP COLUMN memory_mb,
    ADD CONSTRAINT version_limits_is_object CHECK (jsonb_typeof(limits) = 'object');

-- `revision` grows with every change of what follows, in the transaction that makes the change:
-- the row is the lock that two writers queue on, and the number tells nodes what a sandbox was given.
ALTER TABLE apps
    ADD COLUMN revision bigint NOT NULL DEFAULT 0,
    ADD COLUMN egress jsonb NOT NULL DEFAULT '{"mode": "internet", "allow": []}',
    ADD COLUMN egress_updated_by uuid
        CONSTRAINT app_egress_updater_fkey REFERENCES users ON DELETE SET NULL,
    ADD COLUMN egress_updated_at timestamptz, -- null: never changed
    ADD CONSTRAINT app_egress_is_object CHECK (jsonb_typeof(egress) = 'object');

CREATE TABLE env_variables (
    app_id uuid NOT NULL CONSTRAINT env_variable_app_fkey REFERENCES apps ON DELETE CASCADE,
    name text NOT NULL,
    value text NOT NULL,
    updated_by uuid CONSTRAINT env_variable_updater_fkey REFERENCES users ON DELETE SET NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT env_variable_pkey PRIMARY KEY (app_id, name),
    CONSTRAINT env_variable_name_is_identifier CHECK (name ~ '^[A-Z_][A-Z0-9_]{0,63}$')
);

-- An app's data key, sealed with the key outside the database whose fingerprint is `key_id`.
CREATE TABLE app_keys (
    app_id uuid CONSTRAINT app_key_pkey PRIMARY KEY
        CONSTRAINT app_key_app_fkey REFERENCES apps ON DELETE CASCADE,
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL
);

-- A value sealed with the app's data key. `revision` is the app's by which it was set, and belongs
-- to what the seal covers, as do app and name.
CREATE TABLE secrets (
    app_id uuid NOT NULL CONSTRAINT secret_app_fkey REFERENCES apps ON DELETE CASCADE,
    name text NOT NULL,
    revision bigint NOT NULL,
    sealed bytea NOT NULL,
    hint text, -- the last characters of a long value
    updated_by uuid CONSTRAINT secret_updater_fkey REFERENCES users ON DELETE SET NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT secret_pkey PRIMARY KEY (app_id, name),
    CONSTRAINT secret_key_fkey FOREIGN KEY (app_id) REFERENCES app_keys ON DELETE CASCADE,
    CONSTRAINT secret_name_is_identifier CHECK (name ~ '^[A-Z_][A-Z0-9_]{0,63}$'),
    CONSTRAINT secret_hint_is_short CHECK (length(hint) <= 4)
);

-- What an invocation fetched through the egress broker; null: nothing.
ALTER TABLE invocations ADD COLUMN fetches jsonb;
