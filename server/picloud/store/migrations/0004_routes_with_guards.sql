-- Routes that are made, changed and removed by people, and what stands before a script on them.

-- A pattern without the names of its parameters: two routes of one shape would match the same paths,
-- and nobody could say which of them serves.
CREATE FUNCTION route_shape(pattern text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT regexp_replace(regexp_replace(pattern,
        '\{[A-Za-z_][A-Za-z0-9_]*\}', '{}', 'g'),
        '\{[A-Za-z_][A-Za-z0-9_]*\.\.\.\}$', '{...}')
$$;

ALTER TABLE routes
    ADD COLUMN auth jsonb NOT NULL DEFAULT '{}',         -- what differs from public
    ADD COLUMN cors jsonb,                               -- null: no page of another origin
    ADD COLUMN rate_limits jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN created_by uuid
        CONSTRAINT route_creator_fkey REFERENCES users ON DELETE SET NULL,
    ADD COLUMN updated_at timestamptz,                   -- null: as it was made
    ADD CONSTRAINT route_auth_is_object CHECK (jsonb_typeof(auth) = 'object'),
    ADD CONSTRAINT route_cors_is_object CHECK (jsonb_typeof(cors) = 'object'),
    ADD CONSTRAINT route_rate_limits_is_array CHECK (jsonb_typeof(rate_limits) = 'array');

DROP INDEX route_pattern_unique_in_app;
CREATE UNIQUE INDEX route_shape_unique_in_app
    ON routes (app_id, (coalesce(method, '')), (route_shape(pattern)));
CREATE INDEX route_app_idx ON routes (app_id, id);

-- Limits that hold for all routes of an app together.
ALTER TABLE apps
    ADD COLUMN rate_limits jsonb NOT NULL DEFAULT '[]',
    ADD CONSTRAINT app_rate_limits_is_array CHECK (jsonb_typeof(rate_limits) = 'array');
