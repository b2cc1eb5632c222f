-- name: load_app_settings
-- Everything an app gives to its scripts, as of one moment.
SELECT app.revision, app.egress, key.key_id, key.sealed AS sealed_key,
       env.scripts AS env_scripts, env.names AS env_names, env.values AS env_values,
       secret.scripts AS secret_scripts, secret.names AS secret_names,
       secret.revisions AS secret_revisions, secret.sealed
FROM apps AS app
LEFT JOIN app_keys AS key ON key.app_id = app.id
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(script_id ORDER BY owner_id, name), '{}') AS scripts,
           coalesce(array_agg(name ORDER BY owner_id, name), '{}') AS names,
           coalesce(array_agg(value ORDER BY owner_id, name), '{}') AS values
    FROM env_variables WHERE app_id = app.id
) AS env
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(script_id ORDER BY owner_id, name), '{}') AS scripts,
           coalesce(array_agg(name ORDER BY owner_id, name), '{}') AS names,
           coalesce(array_agg(revision ORDER BY owner_id, name), '{}') AS revisions,
           coalesce(array_agg(sealed ORDER BY owner_id, name), '{}') AS sealed
    FROM secrets WHERE app_id = app.id
) AS secret
WHERE app.id = $1 AND app.deleted_at IS NULL;

-- name: raise_revision
-- Say that an app's settings change; holds the app against other such changes until the end.
UPDATE apps SET revision = revision + 1 WHERE id = $1 AND deleted_at IS NULL RETURNING revision;

-- name: set_egress
-- Where the scripts of an app may connect to.
UPDATE apps SET egress = $2, egress_updated_by = $3, egress_updated_at = $4 WHERE id = $1;

-- name: get_egress
-- The egress policies of apps.
SELECT id, egress, egress_updated_by, egress_updated_at FROM apps WHERE id = ANY ($1::uuid[]);

-- name: any_app_key
-- The key that sealed an app's key; no row when there is no secret anywhere.
SELECT key_id FROM app_keys LIMIT 1;
