-- name: delete_app
-- Mark a living app as deleted; no row when there is none.
UPDATE apps SET deleted_at = $2, purge_at = $3, deleted_by = $4
WHERE id = $1 AND deleted_at IS NULL RETURNING id;

-- name: restore_app
-- Bring a deleted app back; no row when it is not deleted, or due to be purged.
UPDATE apps SET deleted_at = NULL, purge_at = NULL, deleted_by = NULL
WHERE id = $1 AND purge_at > $2 RETURNING id;

-- name: find_deleted_app
-- A deleted app by its name, or by one it had.
SELECT app.id, app.name, app.created_by, app.created_at, app.deleted_at, app.purge_at, app.deleted_by
FROM apps AS app
WHERE app.deleted_at IS NOT NULL
  AND (app.name = $1 OR app.id = (SELECT app_id FROM app_aliases WHERE name = $1));

-- name: role_in_deleted_app
-- A user's place in a deleted app.
SELECT role FROM members WHERE user_id = $1 AND app_id = $2;

-- name: list_deleted_apps
-- A page of the deleted apps a user owned, by name; no user: of all.
SELECT app.id, app.name, app.created_by, app.created_at, app.deleted_at, app.purge_at, app.deleted_by
FROM apps AS app
WHERE app.deleted_at IS NOT NULL
  AND ($4::uuid IS NULL OR EXISTS (
      SELECT FROM members AS member
      WHERE member.app_id = app.id AND member.user_id = $4 AND member.role = 'owner'))
  AND ($5::uuid IS NULL OR app.id = $5)
  AND ($2::text IS NULL OR app.name > $2)
  AND ($3::text IS NULL OR app.name < $3)
ORDER BY app.name LIMIT $1;

-- name: list_deleted_apps_backwards
-- The same page, read from its end.
SELECT app.id, app.name, app.created_by, app.created_at, app.deleted_at, app.purge_at, app.deleted_by
FROM apps AS app
WHERE app.deleted_at IS NOT NULL
  AND ($4::uuid IS NULL OR EXISTS (
      SELECT FROM members AS member
      WHERE member.app_id = app.id AND member.user_id = $4 AND member.role = 'owner'))
  AND ($5::uuid IS NULL OR app.id = $5)
  AND ($2::text IS NULL OR app.name > $2)
  AND ($3::text IS NULL OR app.name < $3)
ORDER BY app.name DESC LIMIT $1;

-- name: delete_script
-- Mark a living script as deleted; no row when there is none.
UPDATE scripts SET deleted_at = $2, purge_at = $3, deleted_by = $4
WHERE id = $1 AND deleted_at IS NULL RETURNING id;

-- name: restore_script
-- Bring a deleted script back; no row when it is not deleted, or due to be purged.
UPDATE scripts SET deleted_at = NULL, purge_at = NULL, deleted_by = NULL
WHERE id = $1 AND purge_at > $2 RETURNING id;

-- name: find_deleted_script
-- A deleted script of a living app by name.
SELECT script.id, script.app_id, script.name, script.created_at, script.active_deployment_id,
       script.deleted_at, script.purge_at, script.deleted_by
FROM scripts AS script
WHERE script.app_id = $1 AND script.name = $2 AND script.deleted_at IS NOT NULL;

-- name: list_deleted_scripts
-- A page of the deleted scripts of each of these apps, by name.
SELECT parent.id AS parent_id, script.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT script.id, script.app_id, script.name, script.created_at, script.active_deployment_id,
           script.deleted_at, script.purge_at, script.deleted_by
    FROM scripts AS script
    WHERE script.app_id = parent.id AND script.deleted_at IS NOT NULL
      AND ($3::text IS NULL OR script.name > $3)
      AND ($4::text IS NULL OR script.name < $4)
    ORDER BY script.name LIMIT $2
) AS script
ORDER BY script.name;

-- name: list_deleted_scripts_backwards
-- The same pages, read from their end.
SELECT parent.id AS parent_id, script.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT script.id, script.app_id, script.name, script.created_at, script.active_deployment_id,
           script.deleted_at, script.purge_at, script.deleted_by
    FROM scripts AS script
    WHERE script.app_id = parent.id AND script.deleted_at IS NOT NULL
      AND ($3::text IS NULL OR script.name > $3)
      AND ($4::text IS NULL OR script.name < $4)
    ORDER BY script.name DESC LIMIT $2
) AS script
ORDER BY script.name DESC;

-- name: next_purge
-- When the next deleted app or script is due; null when nothing is deleted.
SELECT least(
    (SELECT min(purge_at) FROM apps WHERE purge_at IS NOT NULL),
    (SELECT min(purge_at) FROM scripts WHERE purge_at IS NOT NULL));

-- name: due_apps
-- The apps that are to be purged.
SELECT id FROM apps WHERE purge_at <= $1 ORDER BY purge_at;

-- name: due_scripts
-- The scripts that are to be purged.
SELECT id FROM scripts WHERE purge_at <= $1 ORDER BY purge_at;

-- name: scripts_of_app
-- All scripts of an app, deleted ones too.
SELECT id FROM scripts WHERE app_id = $1;

-- name: take_due_app
-- Hold an app that is to be purged; no row when it is not, or another manager was quicker.
SELECT id FROM apps WHERE id = $1 AND purge_at <= $2 FOR UPDATE;

-- name: purge_app
-- Delete an app with all it owns.
DELETE FROM apps WHERE id = $1;

-- name: purge_script
-- Delete a script with its versions, if it is due.
DELETE FROM scripts WHERE id = $1 AND purge_at <= $2;

-- name: purge_log_records
-- Delete some of a script's log records; the row is how many.
WITH gone AS (
    DELETE FROM log_records WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM log_records WHERE script_id = $1 LIMIT $2)) RETURNING 1)
SELECT count(*) FROM gone;

-- name: purge_invocations
-- Delete some of a script's invocations; the row is how many.
WITH gone AS (
    DELETE FROM invocations WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM invocations WHERE script_id = $1 LIMIT $2)) RETURNING 1)
SELECT count(*) FROM gone;
