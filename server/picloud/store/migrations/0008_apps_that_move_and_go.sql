-- Apps that are renamed, apps and scripts that are deleted and may come back, and quotas.

-- What is deleted stays as it is until `purge_at`, seen only by who may undo the deletion.
ALTER TABLE apps
    ADD COLUMN deleted_at timestamptz, -- null: it lives
    ADD COLUMN purge_at timestamptz,
    ADD COLUMN deleted_by uuid
        CONSTRAINT app_deleter_fkey REFERENCES users ON DELETE SET NULL,
    ADD COLUMN quotas jsonb NOT NULL DEFAULT '{}', -- by name, in place of the instance's
    ADD CONSTRAINT app_purge_follows_deletion
        CHECK ((deleted_at IS NULL AND purge_at IS NULL) OR purge_at >= deleted_at),
    ADD CONSTRAINT app_quotas_is_object CHECK (jsonb_typeof(quotas) = 'object');
CREATE INDEX app_purge_idx ON apps (purge_at) WHERE purge_at IS NOT NULL;

ALTER TABLE scripts
    ADD COLUMN deleted_at timestamptz, -- null: it lives
    ADD COLUMN purge_at timestamptz,
    ADD COLUMN deleted_by uuid
        CONSTRAINT script_deleter_fkey REFERENCES users ON DELETE SET NULL,
    ADD CONSTRAINT script_purge_follows_deletion
        CHECK ((deleted_at IS NULL AND purge_at IS NULL) OR purge_at >= deleted_at);
CREATE INDEX script_purge_idx ON scripts (purge_at) WHERE purge_at IS NOT NULL;

-- A name an app has had. It leads to that app, and no other app gets it; once the app is purged,
-- none does before `free_at`. Who gives out a name locks this table first.
CREATE TABLE app_aliases (
    name text CONSTRAINT app_alias_pkey PRIMARY KEY,
    app_id uuid CONSTRAINT app_alias_app_fkey REFERENCES apps,
    free_at timestamptz,
    CONSTRAINT app_alias_leads_or_rests CHECK ((app_id IS NULL) = (free_at IS NOT NULL))
);
CREATE INDEX app_alias_app_idx ON app_aliases (app_id);
