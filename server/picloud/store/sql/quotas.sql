-- name: hold_app
-- Hold a living app against others that add to it, until the transaction ends.
SELECT id FROM apps WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE;

-- name: get_quota_usage
-- What an admin set for these apps, and how much each of them has.
SELECT app.id, app.quotas,
       (SELECT count(*) FROM scripts AS script
        WHERE script.app_id = app.id AND script.deleted_at IS NULL) AS scripts,
       (SELECT coalesce(sum(octet_length(version.source) + file.bytes), 0)::bigint
        FROM scripts AS script JOIN versions AS version ON version.script_id = script.id
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(octet_length(file.content)), 0) AS bytes
            FROM version_files AS file WHERE file.version_id = version.id) AS file
        WHERE script.app_id = app.id) AS source_bytes,
       (SELECT count(*) FROM routes AS route WHERE route.app_id = app.id) AS routes,
       (SELECT count(*) FROM members AS member WHERE member.app_id = app.id) AS members,
       (SELECT count(*) FROM tokens AS token
        WHERE token.app_id = app.id AND token.revoked_at IS NULL) AS tokens,
       (SELECT count(*) FROM env_variables AS variable WHERE variable.app_id = app.id)
           AS env_variables,
       (SELECT count(*) FROM secrets AS secret WHERE secret.app_id = app.id) AS secrets,
       (SELECT count(*) FROM app_aliases AS alias WHERE alias.app_id = app.id) AS former_names
FROM apps AS app WHERE app.id = ANY ($1::uuid[]);

-- name: set_quotas
-- What an app has in place of the instance's quotas.
UPDATE apps SET quotas = $2 WHERE id = $1;

-- name: count_apps_of
-- How many apps a user has created that are not purged.
SELECT count(*) FROM apps WHERE created_by = $1;
