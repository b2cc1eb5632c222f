-- Sources of several files, deployments as a history that says why, and requests shared by versions.

ALTER TABLE versions
    ADD COLUMN message text, -- null: none was given
    ADD CONSTRAINT version_message_length CHECK (length(message) BETWEEN 1 AND 1000);

CREATE FUNCTION refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% are immutable', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
END
$$;

-- The files of a version beside its entry, whose text is `versions.source`.
CREATE TABLE version_files (
    version_id uuid NOT NULL
        CONSTRAINT version_file_version_fkey REFERENCES versions ON DELETE CASCADE,
    path text NOT NULL,
    content bytea NOT NULL,
    CONSTRAINT version_file_pkey PRIMARY KEY (version_id, path),
    CONSTRAINT version_file_path_length CHECK (octet_length(path) BETWEEN 1 AND 255)
);
CREATE TRIGGER version_file_is_immutable BEFORE UPDATE ON version_files
    FOR EACH ROW EXECUTE FUNCTION refuse_update();

-- The modules beside the entry, which must compile too: an object of texts by path.
ALTER TABLE source_checks
    ADD COLUMN modules jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN digest bytea NOT NULL DEFAULT '', -- of the whole source
    ADD CONSTRAINT source_check_modules_is_object CHECK (jsonb_typeof(modules) = 'object');

CREATE TYPE deployment_kind AS ENUM (
    'deploy',   -- a source was uploaded
    'rollback', -- what served before serves again
    'promote',  -- a version that was there already was chosen
    'split'     -- several versions share the requests
);
ALTER TABLE deployments
    ADD COLUMN app_id uuid CONSTRAINT deployment_app_fkey REFERENCES apps ON DELETE CASCADE,
    ADD COLUMN seq bigint CONSTRAINT deployment_seq_unique UNIQUE,
    ADD COLUMN kind deployment_kind NOT NULL DEFAULT 'deploy',
    ADD COLUMN message text, -- null: none was given
    ADD COLUMN previous_id uuid, -- what served until then; null: nothing
    ADD CONSTRAINT deployment_message_length CHECK (length(message) BETWEEN 1 AND 1000);

ALTER TABLE deployments DISABLE TRIGGER deployment_is_immutable;
UPDATE deployments AS deployment
SET app_id = script.app_id, seq = history.seq, previous_id = history.previous_id
FROM scripts AS script, (
    SELECT id, row_number() OVER (ORDER BY id) AS seq,
           lag(id) OVER (PARTITION BY script_id ORDER BY id) AS previous_id
    FROM deployments
) AS history
WHERE script.id = deployment.script_id AND history.id = deployment.id;
ALTER TABLE deployments ENABLE TRIGGER deployment_is_immutable;

ALTER TABLE deployments
    ALTER COLUMN app_id SET NOT NULL,
    ALTER COLUMN seq SET NOT NULL,
    ALTER COLUMN kind DROP DEFAULT,
    ADD CONSTRAINT deployment_previous_fkey FOREIGN KEY (script_id, previous_id)
        REFERENCES deployments (script_id, id) DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX deployment_app_idx ON deployments (app_id);

-- How the requests are shared: weights add up to 100. `deployments.version_id` is the heaviest.
CREATE TABLE deployment_targets (
    deployment_id uuid NOT NULL,
    script_id uuid NOT NULL,
    version_id uuid NOT NULL,
    weight smallint NOT NULL, -- of a hundred requests
    CONSTRAINT deployment_target_pkey PRIMARY KEY (deployment_id, version_id),
    CONSTRAINT deployment_target_deployment_fkey FOREIGN KEY (script_id, deployment_id)
        REFERENCES deployments (script_id, id) ON DELETE CASCADE,
    CONSTRAINT deployment_target_version_fkey FOREIGN KEY (script_id, version_id)
        REFERENCES versions (script_id, id) ON DELETE CASCADE,
    CONSTRAINT deployment_target_weight_range CHECK (weight BETWEEN 1 AND 100)
);
INSERT INTO deployment_targets (deployment_id, script_id, version_id, weight)
SELECT id, script_id, version_id, 100 FROM deployments;
CREATE TRIGGER deployment_target_is_immutable BEFORE UPDATE ON deployment_targets
    FOR EACH ROW EXECUTE FUNCTION refuse_update();

-- Numbers deployments in the order of their commits: its one row is the lock they queue on.
CREATE TABLE deployment_counter (
    singleton boolean CONSTRAINT deployment_counter_pkey PRIMARY KEY DEFAULT true,
    last bigint NOT NULL,
    CONSTRAINT deployment_counter_has_one_row CHECK (singleton)
);
INSERT INTO deployment_counter (last) SELECT coalesce(max(seq), 0) FROM deployments;
