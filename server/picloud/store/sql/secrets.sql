-- name: set_secret
-- Give a secret a value, sealed.
INSERT INTO secrets AS secret
    (app_id, script_id, name, revision, sealed, hint, updated_by, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT ON CONSTRAINT secret_pkey DO UPDATE
SET revision = excluded.revision, sealed = excluded.sealed, hint = excluded.hint,
    updated_by = excluded.updated_by, updated_at = excluded.updated_at;

-- name: unset_secrets
-- Forget secrets; the rows are those that were there.
DELETE FROM secrets WHERE owner_id = $1 AND name = ANY ($2::text[]) RETURNING name;

-- name: measure_secrets
-- How many secrets an app or a script has, and how many bytes they are, sealed.
SELECT count(*) AS count, coalesce(sum(octet_length(sealed)), 0)::bigint AS size
FROM secrets WHERE owner_id = $1;

-- name: find_app_key
-- An app's sealed data key.
SELECT key_id, sealed FROM app_keys WHERE app_id = $1;

-- name: await_rotation
-- Add keys only while no rotation is under way; two may add at once.
LOCK TABLE app_keys IN ROW EXCLUSIVE MODE;

-- name: add_app_key
-- Store an app's data key; there is never a second one.
INSERT INTO app_keys (app_id, key_id, sealed, created_at) VALUES ($1, $2, $3, $4);

-- name: list_secrets
-- A page of the secrets of each of these apps or scripts, by name.
SELECT parent.id AS parent_id, item.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT item.app_id, item.script_id, item.name, item.hint, item.updated_by, item.updated_at
    FROM secrets AS item
    WHERE item.owner_id = parent.id
      AND ($3::text IS NULL OR item.name > $3)
      AND ($4::text IS NULL OR item.name < $4)
    ORDER BY item.name LIMIT $2
) AS item
ORDER BY item.name;

-- name: list_secrets_backwards
-- The same pages, read from their end.
SELECT parent.id AS parent_id, item.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT item.app_id, item.script_id, item.name, item.hint, item.updated_by, item.updated_at
    FROM secrets AS item
    WHERE item.owner_id = parent.id
      AND ($3::text IS NULL OR item.name > $3)
      AND ($4::text IS NULL OR item.name < $4)
    ORDER BY item.name DESC LIMIT $2
) AS item
ORDER BY item.name DESC;

-- name: secret_names_set
-- Which of these names an app or a script has secrets of.
SELECT name FROM secrets WHERE owner_id = $1 AND name = ANY ($2::text[]);

-- name: hold_for_rotation
-- Keep every app's settings as they are until the end; deploys and requests go on.
SELECT id FROM apps ORDER BY id FOR NO KEY UPDATE;

-- name: begin_rotation
-- Keep others from adding keys of apps until the end. Apps are held before, as others do.
LOCK TABLE app_keys IN SHARE ROW EXCLUSIVE MODE;

-- name: list_app_keys
-- The sealed data keys of all apps.
SELECT app_id, key_id, sealed FROM app_keys ORDER BY app_id;

-- name: replace_app_key
-- Put a new data key in the place of an app's.
UPDATE app_keys SET key_id = $2, sealed = $3, created_at = $4 WHERE app_id = $1;

-- name: list_sealed
-- An app's secrets as they are sealed.
SELECT owner_id, script_id, name, revision, sealed FROM secrets WHERE app_id = $1;

-- name: reseal_secret
-- The same value under another key.
UPDATE secrets SET sealed = $3 WHERE owner_id = $1 AND name = $2;
