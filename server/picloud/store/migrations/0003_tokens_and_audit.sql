-- Machine credentials, and the record of everything anybody changed.

CREATE TYPE token_scope AS ENUM ('read', 'deploy', 'invoke', 'logs', 'admin');

-- Only the SHA-256 of a token is kept. A revoked one stays as a row: the audit log speaks of it.
CREATE TABLE tokens (
    id uuid CONSTRAINT token_pkey PRIMARY KEY,
    user_id uuid NOT NULL CONSTRAINT token_user_fkey REFERENCES users ON DELETE CASCADE,
    name text NOT NULL,
    token_hash bytea NOT NULL CONSTRAINT token_hash_unique UNIQUE,
    scopes token_scope[] NOT NULL,
    app_id uuid CONSTRAINT token_app_fkey REFERENCES apps ON DELETE CASCADE, -- null: every app
    script_id uuid CONSTRAINT token_script_fkey REFERENCES scripts ON DELETE CASCADE,
    minted_by uuid CONSTRAINT token_minter_fkey REFERENCES tokens ON DELETE CASCADE, -- null: a session
    created_at timestamptz NOT NULL,
    expires_at timestamptz, -- null: never
    last_used_at timestamptz, -- to the minute
    revoked_at timestamptz,
    CONSTRAINT token_hash_is_sha256 CHECK (length(token_hash) = 32),
    CONSTRAINT token_name_length CHECK (length(name) BETWEEN 1 AND 64),
    CONSTRAINT token_has_scopes CHECK (cardinality(scopes) > 0),
    CONSTRAINT token_script_in_app CHECK (script_id IS NULL OR app_id IS NOT NULL),
    CONSTRAINT token_expires_later CHECK (expires_at > created_at)
);
CREATE UNIQUE INDEX token_name_unique_of_user ON tokens (user_id, name) WHERE revoked_at IS NULL;
CREATE INDEX token_app_idx ON tokens (app_id, name, id) WHERE revoked_at IS NULL;
CREATE INDEX token_script_idx ON tokens (script_id);
CREATE INDEX token_minter_idx ON tokens (minted_by);

CREATE TYPE credential_kind AS ENUM ('session', 'token');

-- Who did what, from where, with what. There are no foreign keys: an entry outlives what it speaks
-- of. The id is a UUIDv7, so that the order of ids is the order of time.
CREATE TABLE audit_entries (
    id uuid CONSTRAINT audit_entry_pkey PRIMARY KEY,
    action text NOT NULL,
    actor_id uuid, -- null: nobody was logged in
    actor_email text,
    credential credential_kind,
    credential_id uuid,
    address text NOT NULL,
    agent text NOT NULL,
    app_id uuid, -- null: about a user or the instance
    app_name text, -- as it was then
    target text NOT NULL,
    before jsonb, -- null: it was not there
    after jsonb, -- null: it is gone
    CONSTRAINT audit_entry_action_is_noun_verb CHECK (action ~ '^[a-z_]+\.[a-z_]+$'),
    CONSTRAINT audit_entry_actor_is_whole CHECK (
        num_nulls(actor_id, actor_email, credential, credential_id) IN (0, 4)),
    CONSTRAINT audit_entry_app_is_whole CHECK (num_nulls(app_id, app_name) IN (0, 2))
);
CREATE INDEX audit_entry_app_idx ON audit_entries (app_id, id);
CREATE INDEX audit_entry_actor_idx ON audit_entries (actor_email, id);
CREATE INDEX audit_entry_action_idx ON audit_entries (action, id);
CREATE INDEX audit_entry_target_idx ON audit_entries (target, id);

CREATE FUNCTION refuse_rewriting_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only appended to'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
END
$$;
CREATE TRIGGER audit_entry_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting_history();
