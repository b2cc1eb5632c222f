-- People come by invitation or by an issuer, can be disabled, and see where they are logged in.

ALTER TABLE users
    ALTER COLUMN password_hash DROP NOT NULL, -- null: no log-in by password
    ADD COLUMN disabled_at timestamptz;       -- null: may log in

CREATE TYPE log_in_method AS ENUM ('password', 'invitation', 'reset', 'oidc');
ALTER TABLE sessions
    ADD COLUMN method log_in_method NOT NULL DEFAULT 'password',
    ADD COLUMN address text NOT NULL DEFAULT '', -- where from, empty if not known
    ADD COLUMN agent text NOT NULL DEFAULT '',
    ADD COLUMN used_at timestamptz;
UPDATE sessions SET used_at = created_at;
ALTER TABLE sessions
    ALTER COLUMN used_at SET NOT NULL,
    ALTER COLUMN method DROP DEFAULT,
    ALTER COLUMN address DROP DEFAULT,
    ALTER COLUMN agent DROP DEFAULT;

-- A row is one open invitation; accepting, revoking or replacing it takes the row away, so of two
-- who accept at once only one finds it. Only the SHA-256 of the token is kept.
CREATE TABLE invitations (
    id uuid CONSTRAINT invitation_pkey PRIMARY KEY,
    email text NOT NULL CONSTRAINT invitation_email_unique UNIQUE,
    role instance_role NOT NULL,
    app_id uuid CONSTRAINT invitation_app_fkey REFERENCES apps ON DELETE CASCADE,
    app_role app_role,
    token_hash bytea NOT NULL CONSTRAINT invitation_token_unique UNIQUE,
    created_by uuid CONSTRAINT invitation_creator_fkey REFERENCES users ON DELETE SET NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT invitation_email_length CHECK (length(email) BETWEEN 3 AND 254),
    CONSTRAINT invitation_app_has_role CHECK ((app_id IS NULL) = (app_role IS NULL)),
    CONSTRAINT invitation_token_is_sha256 CHECK (length(token_hash) = 32),
    CONSTRAINT invitation_expires_later CHECK (expires_at > created_at)
);
CREATE INDEX invitation_app_idx ON invitations (app_id);

-- At most one open reset for each user; using it takes the row away.
CREATE TABLE password_resets (
    user_id uuid CONSTRAINT password_reset_pkey PRIMARY KEY
        CONSTRAINT password_reset_user_fkey REFERENCES users ON DELETE CASCADE,
    token_hash bytea NOT NULL CONSTRAINT password_reset_token_unique UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT password_reset_token_is_sha256 CHECK (length(token_hash) = 32),
    CONSTRAINT password_reset_expires_later CHECK (expires_at > created_at)
);

-- Who a user is to an OpenID Connect issuer. An address may pass to somebody else there, a subject
-- never does: a user has one subject of an issuer and keeps it.
CREATE TABLE identities (
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id uuid NOT NULL CONSTRAINT identity_user_fkey REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    CONSTRAINT identity_pkey PRIMARY KEY (issuer, subject),
    CONSTRAINT identity_one_of_issuer UNIQUE (user_id, issuer)
);
