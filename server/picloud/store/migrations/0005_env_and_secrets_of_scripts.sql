-- Env variables and secrets of one script, beside those of its app. `owner_id` is the script or,
-- without one, the app: lists, names and limits are the owner's.

ALTER TABLE scripts ADD CONSTRAINT script_of_app UNIQUE (app_id, id);

ALTER TABLE env_variables
    ADD COLUMN script_id uuid,
    ADD COLUMN owner_id uuid GENERATED ALWAYS AS (coalesce(script_id, app_id)) STORED,
    DROP CONSTRAINT env_variable_pkey,
    ADD CONSTRAINT env_variable_pkey PRIMARY KEY (owner_id, name),
    ADD CONSTRAINT env_variable_script_fkey FOREIGN KEY (app_id, script_id)
        REFERENCES scripts (app_id, id) ON DELETE CASCADE;
CREATE INDEX env_variable_app_idx ON env_variables (app_id);

ALTER TABLE secrets
    ADD COLUMN script_id uuid,
    ADD COLUMN owner_id uuid GENERATED ALWAYS AS (coalesce(script_id, app_id)) STORED,
    DROP CONSTRAINT secret_pkey,
    ADD CONSTRAINT secret_pkey PRIMARY KEY (owner_id, name),
    ADD CONSTRAINT secret_script_fkey FOREIGN KEY (app_id, script_id)
        REFERENCES scripts (app_id, id) ON DELETE CASCADE;
CREATE INDEX secret_app_idx ON secrets (app_id);
