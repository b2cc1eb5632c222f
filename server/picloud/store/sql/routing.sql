-- name: load_routing
-- Every route of every script that has an active deployment, once for each version that serves it.
SELECT app.id AS app_id, app.name AS app_name,
       script.id AS script_id, script.name AS script_name,
       route.id AS route_id, route.method, route.pattern, route.auth, route.cors,
       route.rate_limits, app.rate_limits AS app_rate_limits,
       version.id AS version_id, version.number AS version_number, version.filename,
       version.entry_points, version.kind, version.limits,
       version.isolation, target.weight, app.revision AS app_revision
FROM routes AS route
JOIN scripts AS script ON script.id = route.script_id
JOIN apps AS app ON app.id = route.app_id
JOIN deployment_targets AS target ON target.deployment_id = script.active_deployment_id
JOIN versions AS version ON version.id = target.version_id
WHERE app.deleted_at IS NULL AND script.deleted_at IS NULL
ORDER BY app.name, route.pattern, route.method NULLS LAST, version.number;

-- name: load_script_routing
-- The same for one script.
SELECT app.id AS app_id, app.name AS app_name,
       script.id AS script_id, script.name AS script_name,
       route.id AS route_id, route.method, route.pattern, route.auth, route.cors,
       route.rate_limits, app.rate_limits AS app_rate_limits,
       version.id AS version_id, version.number AS version_number, version.filename,
       version.entry_points, version.kind, version.limits,
       version.isolation, target.weight, app.revision AS app_revision
FROM routes AS route
JOIN scripts AS script ON script.id = route.script_id
JOIN apps AS app ON app.id = route.app_id
JOIN deployment_targets AS target ON target.deployment_id = script.active_deployment_id
JOIN versions AS version ON version.id = target.version_id
WHERE script.id = $1 AND app.deleted_at IS NULL AND script.deleted_at IS NULL
ORDER BY app.name, route.pattern, route.method NULLS LAST, version.number;

-- name: load_preview
-- One version of a script, whatever serves, once for each route of the script.
SELECT app.id AS app_id, app.name AS app_name,
       script.id AS script_id, script.name AS script_name,
       coalesce(route.id, script.id) AS route_id, route.method,
       coalesce(route.pattern, '/') AS pattern, coalesce(route.auth, '{}') AS auth, route.cors,
       coalesce(route.rate_limits, '[]') AS rate_limits, app.rate_limits AS app_rate_limits,
       version.id AS version_id, version.number AS version_number, version.filename,
       version.entry_points, version.kind, version.limits,
       version.isolation, 100 AS weight, app.revision AS app_revision
FROM apps AS app
JOIN scripts AS script ON script.app_id = app.id
JOIN versions AS version ON version.script_id = script.id
LEFT JOIN routes AS route ON route.script_id = script.id
WHERE app.name = $1 AND script.name = $2 AND version.number = $3
  AND app.deleted_at IS NULL AND script.deleted_at IS NULL;

-- name: living_scripts
-- Which of these scripts are there, and their apps too.
SELECT script.id FROM scripts AS script JOIN apps AS app ON app.id = script.app_id
WHERE script.id = ANY ($1::uuid[]) AND script.deleted_at IS NULL AND app.deleted_at IS NULL;

-- name: load_source
-- The name and text of a version's entry.
SELECT filename, source FROM versions WHERE id = $1;

-- name: load_source_files
-- The files of a version beside its entry.
SELECT path, content FROM version_files WHERE version_id = $1;

-- name: notify_routes
-- Tell every node that the routes of this script (empty: of any script) changed.
SELECT pg_notify('picloud_routes', $1);
