-- The first schema: people, apps, scripts with their immutable versions, routes, and the two
-- tables every invocation writes to. Keys are UUIDv7 made by the caller, so that they sort by time
-- on every PostgreSQL from 15 on. The code matches on the names of these constraints.

CREATE TYPE instance_role AS ENUM ('admin', 'member');

CREATE TABLE users (
    id uuid CONSTRAINT user_pkey PRIMARY KEY,
    email text NOT NULL,
    password_hash text NOT NULL,
    role instance_role NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT user_email_length CHECK (length(email) BETWEEN 3 AND 254)
);
CREATE UNIQUE INDEX user_email_unique ON users (lower(email));

-- A browser's or CLI's log-in. Only the SHA-256 of the token is kept.
CREATE TABLE sessions (
    id uuid CONSTRAINT session_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT session_user_fkey REFERENCES users ON DELETE CASCADE,
    token_hash bytea NOT NULL CONSTRAINT session_token_unique UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT session_token_is_sha256 CHECK (length(token_hash) = 32),
    CONSTRAINT session_expires_later CHECK (expires_at > created_at)
);
CREATE INDEX session_user_idx ON sessions (user_id);
CREATE INDEX session_expiry_idx ON sessions (expires_at);

CREATE TABLE apps (
    id uuid CONSTRAINT app_pkey PRIMARY KEY,
    name text NOT NULL CONSTRAINT app_name_unique UNIQUE,
    created_by uuid CONSTRAINT app_creator_fkey REFERENCES users ON DELETE SET NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT app_name_is_label CHECK (name ~ '^[a-z][a-z0-9-]{0,62}$')
);

CREATE TYPE app_role AS ENUM ('owner', 'editor', 'operator', 'viewer');

CREATE TABLE members (
    app_id uuid NOT NULL CONSTRAINT member_app_fkey REFERENCES apps ON DELETE CASCADE,
    user_id uuid NOT NULL CONSTRAINT member_user_fkey REFERENCES users ON DELETE CASCADE,
    role app_role NOT NULL,
    CONSTRAINT member_pkey PRIMARY KEY (app_id, user_id)
);
CREATE INDEX member_user_idx ON members (user_id);

CREATE TABLE scripts (
    id uuid CONSTRAINT script_pkey PRIMARY KEY,
    app_id uuid NOT NULL CONSTRAINT script_app_fkey REFERENCES apps ON DELETE CASCADE,
    name text NOT NULL,
    created_at timestamptz NOT NULL,
    active_deployment_id uuid, -- null until the first deployment
    CONSTRAINT script_name_unique_in_app UNIQUE (app_id, name),
    CONSTRAINT script_name_is_label CHECK (name ~ '^[a-z][a-z0-9-]{0,62}$')
);

CREATE TABLE versions (
    id uuid CONSTRAINT version_pkey PRIMARY KEY,
    script_id uuid NOT NULL CONSTRAINT version_script_fkey REFERENCES scripts ON DELETE CASCADE,
    number integer NOT NULL, -- 1, 2, 3 … without gaps within a script
    source text NOT NULL,
    source_digest bytea NOT NULL,
    filename text NOT NULL,
    entry_points text[] NOT NULL,
    kind text NOT NULL,
    runtime text NOT NULL,
    timeout_ms integer NOT NULL,
    memory_mb integer NOT NULL,
    created_by uuid CONSTRAINT version_creator_fkey REFERENCES users ON DELETE SET NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT version_number_unique UNIQUE (script_id, number),
    CONSTRAINT version_of_script UNIQUE (script_id, id),
    CONSTRAINT version_number_positive CHECK (number > 0),
    CONSTRAINT version_digest_is_sha256 CHECK (length(source_digest) = 32),
    CONSTRAINT version_limits_positive CHECK (timeout_ms > 0 AND memory_mb > 0)
);

CREATE TABLE deployments (
    id uuid CONSTRAINT deployment_pkey PRIMARY KEY,
    script_id uuid NOT NULL CONSTRAINT deployment_script_fkey REFERENCES scripts ON DELETE CASCADE,
    version_id uuid NOT NULL,
    created_by uuid CONSTRAINT deployment_creator_fkey REFERENCES users ON DELETE SET NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT deployment_of_script UNIQUE (script_id, id),
    CONSTRAINT deployment_version_fkey FOREIGN KEY (script_id, version_id)
        REFERENCES versions (script_id, id) ON DELETE CASCADE
);

ALTER TABLE scripts ADD CONSTRAINT script_active_deployment_fkey
    FOREIGN KEY (id, active_deployment_id) REFERENCES deployments (script_id, id)
    DEFERRABLE INITIALLY DEFERRED;

-- What was deployed stays as it was. Only losing its author may touch a row.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'created_by' IS DISTINCT FROM to_jsonb(OLD) - 'created_by'
       OR NEW.created_by IS NOT NULL THEN
        RAISE EXCEPTION '% are immutable', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER version_is_immutable BEFORE UPDATE ON versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER deployment_is_immutable BEFORE UPDATE ON deployments
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE routes (
    id uuid CONSTRAINT route_pkey PRIMARY KEY,
    app_id uuid NOT NULL CONSTRAINT route_app_fkey REFERENCES apps ON DELETE CASCADE,
    script_id uuid NOT NULL CONSTRAINT route_script_fkey REFERENCES scripts ON DELETE CASCADE,
    method text, -- null: any
    pattern text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT route_method_is_upper CHECK (method ~ '^[A-Z]{1,16}$'),
    CONSTRAINT route_pattern_is_absolute CHECK (pattern ~ '^/' AND length(pattern) <= 512)
);
CREATE UNIQUE INDEX route_pattern_unique_in_app
    ON routes (app_id, (coalesce(method, '')), pattern);
CREATE INDEX route_script_idx ON routes (script_id);

CREATE TYPE check_state AS ENUM (
    'pending', -- written by a manager
    'claimed', -- pending -> claimed, by one node
    'done'     -- claimed -> done, with the result
);

-- A source on its way through a sandbox. The manager deletes the row when it has the answer.
CREATE TABLE source_checks (
    id uuid CONSTRAINT source_check_pkey PRIMARY KEY,
    source text NOT NULL,
    filename text NOT NULL,
    state check_state NOT NULL DEFAULT 'pending',
    result jsonb,
    created_at timestamptz NOT NULL,
    CONSTRAINT source_check_done_has_result CHECK ((state = 'done') = (result IS NOT NULL))
);

CREATE TABLE cluster_nodes (
    id uuid CONSTRAINT cluster_node_pkey PRIMARY KEY,
    number smallint NOT NULL CONSTRAINT cluster_node_number_unique UNIQUE,
    name text NOT NULL,
    started_at timestamptz NOT NULL,
    isolation jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT cluster_node_number_positive CHECK (number > 0)
);

CREATE TYPE trigger_kind AS ENUM ('http', 'schedule', 'queue', 'manual');
CREATE TYPE invocation_outcome AS ENUM (
    'ok', 'script_error', 'timeout', 'out_of_memory', 'cancelled', 'rejected', 'platform_error'
);

-- The two hot tables have no foreign keys: a record outlives what it speaks of, and costs no look-up.
-- `seq` grows in commit order within a node, so a cursor over all nodes is {node number: seq}.
CREATE TABLE invocations (
    id uuid CONSTRAINT invocation_pkey PRIMARY KEY,
    node_number smallint NOT NULL,
    seq bigint NOT NULL,
    app_id uuid NOT NULL,
    script_id uuid NOT NULL,
    version_id uuid NOT NULL,
    trigger trigger_kind NOT NULL,
    outcome invocation_outcome NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    status smallint,
    started_at timestamptz NOT NULL,
    duration_us integer NOT NULL,
    queue_us integer NOT NULL,
    cold boolean NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    error_code text,
    error text
);
CREATE INDEX invocation_script_idx ON invocations (script_id, id);
CREATE UNIQUE INDEX invocation_seq_unique ON invocations (node_number, seq);

CREATE TYPE log_stream AS ENUM ('stdout', 'stderr', 'logging', 'traceback', 'platform');

CREATE TABLE log_records (
    node_number smallint NOT NULL,
    seq bigint NOT NULL,
    app_id uuid NOT NULL,
    script_id uuid NOT NULL,
    version_id uuid NOT NULL,
    invocation_id uuid, -- null: printed while the script was imported
    number integer NOT NULL, -- the record's place within its invocation
    level smallint NOT NULL,
    stream log_stream NOT NULL,
    logged_at timestamptz NOT NULL,
    text text NOT NULL,
    CONSTRAINT log_record_pkey PRIMARY KEY (node_number, seq)
);
CREATE INDEX log_record_script_idx ON log_records (script_id, logged_at, node_number, seq);
CREATE INDEX log_record_invocation_idx ON log_records (invocation_id, number);
