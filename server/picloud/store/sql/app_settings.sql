-- name: load_app_settings
-- Everything an app gives to its scripts, as of one moment.
SELECT app.revision, app.egress, key.key_id, key.sealed AS sealed_key,
       env.names AS env_names, env.values AS env_values,
       secret.names AS secret_names, secret.revisions AS secret_revisions, secret.sealed
FROM apps AS app
LEFT JOIN app_keys AS key ON key.app_id = app.id
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(name ORDER BY name), '{}') AS names,
           coalesce(array_agg(value ORDER BY name), '{}') AS values
    FROM env_variables WHERE app_id = app.id
) AS env
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(name ORDER BY name), '{}') AS names,
           coalesce(array_agg(revision ORDER BY name), '{}') AS revisions,
           coalesce(array_agg(sealed ORDER BY name), '{}') AS sealed
    FROM secrets WHERE app_id = app.id
) AS secret
WHERE app.id = $1;
