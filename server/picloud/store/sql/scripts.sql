-- name: add_script
-- Store a script unless the app has one of this name.
INSERT INTO scripts (id, app_id, name, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT ON CONSTRAINT script_name_unique_in_app DO NOTHING
RETURNING id;

-- name: lock_script
-- The script of this name, deleted or not, held against other deployments of it until the
-- transaction ends.
SELECT script.id, script.app_id, script.name, script.created_at, script.active_deployment_id
FROM scripts AS script WHERE script.app_id = $1 AND script.name = $2 FOR UPDATE;

-- name: find_script
-- A living script of an app by name.
SELECT script.id, script.app_id, script.name, script.created_at, script.active_deployment_id
FROM scripts AS script
WHERE script.app_id = $1 AND script.name = $2 AND script.deleted_at IS NULL;

-- name: get_scripts
-- Living scripts by id.
SELECT script.id, script.app_id, script.name, script.created_at, script.active_deployment_id
FROM scripts AS script WHERE script.id = ANY ($1::uuid[]) AND script.deleted_at IS NULL;

-- name: list_scripts
-- A page of the living scripts of each of these apps, by name.
SELECT parent.id AS parent_id, script.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT script.id, script.app_id, script.name, script.created_at, script.active_deployment_id
    FROM scripts AS script
    WHERE script.app_id = parent.id AND script.deleted_at IS NULL
      AND ($5::uuid IS NULL OR script.id = $5)
      AND ($3::text IS NULL OR script.name > $3)
      AND ($4::text IS NULL OR script.name < $4)
    ORDER BY script.name LIMIT $2
) AS script
ORDER BY script.name;

-- name: list_scripts_backwards
-- The same pages, read from their end.
SELECT parent.id AS parent_id, script.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT script.id, script.app_id, script.name, script.created_at, script.active_deployment_id
    FROM scripts AS script
    WHERE script.app_id = parent.id AND script.deleted_at IS NULL
      AND ($5::uuid IS NULL OR script.id = $5)
      AND ($3::text IS NULL OR script.name > $3)
      AND ($4::text IS NULL OR script.name < $4)
    ORDER BY script.name DESC LIMIT $2
) AS script
ORDER BY script.name DESC;
