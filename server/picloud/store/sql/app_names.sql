-- name: lock_app_names
-- Let one transaction at a time give out names of apps.
LOCK TABLE app_aliases IN SHARE ROW EXCLUSIVE MODE;

-- name: app_name_is_reserved
-- Whether a name was another app's: of one that is there, or of one purged not long ago.
SELECT EXISTS (
    SELECT FROM app_aliases
    WHERE name = $1 AND app_id IS DISTINCT FROM $2::uuid AND (free_at IS NULL OR free_at > $3));

-- name: forget_app_alias
-- An app takes up a name that is its own or has rested long enough.
DELETE FROM app_aliases WHERE name = $1;

-- name: rename_app
-- Give an app another name; fails on a taken one.
UPDATE apps SET name = $2 WHERE id = $1;

-- name: add_app_alias
-- Let a name that an app has had lead to it.
INSERT INTO app_aliases (name, app_id) VALUES ($1, $2);

-- name: count_app_aliases
-- How many former names an app has.
SELECT count(*) FROM app_aliases WHERE app_id = $1;

-- name: get_app_aliases
-- The former names of apps.
SELECT app_id, name FROM app_aliases WHERE app_id = ANY ($1::uuid[]) ORDER BY name;

-- name: load_app_aliases
-- Every former name that leads to a living app, and what that is called now.
SELECT alias.name AS former, app.name
FROM app_aliases AS alias JOIN apps AS app ON app.id = alias.app_id
WHERE app.deleted_at IS NULL;

-- name: rest_app_names
-- Give the names of an app that is about to be purged to nobody for a while.
WITH former AS (
    UPDATE app_aliases SET app_id = NULL, free_at = $2 WHERE app_id = $1
)
INSERT INTO app_aliases (name, free_at) SELECT app.name, $2 FROM apps AS app WHERE app.id = $1;

-- name: delete_rested_names
-- Forget names that have rested long enough.
DELETE FROM app_aliases WHERE free_at <= $1;
