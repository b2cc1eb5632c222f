-- name: load_routing
-- Every route of every script that has an active deployment, with the version that serves it.
SELECT app.id AS app_id, app.name AS app_name,
       script.id AS script_id, script.name AS script_name,
       route.id AS route_id, route.method, route.pattern, route.auth, route.cors,
       route.rate_limits, app.rate_limits AS app_rate_limits,
       version.id AS version_id, version.number AS version_number, version.filename,
       version.entry_points, version.kind, version.limits,
       version.isolation, app.revision AS app_revision
FROM routes AS route
JOIN scripts AS script ON script.id = route.script_id
JOIN apps AS app ON app.id = route.app_id
JOIN deployments AS deployment ON deployment.id = script.active_deployment_id
JOIN versions AS version ON version.id = deployment.version_id
ORDER BY app.name, route.pattern, route.method NULLS LAST;

-- name: load_script_routing
-- The same for one script.
SELECT app.id AS app_id, app.name AS app_name,
       script.id AS script_id, script.name AS script_name,
       route.id AS route_id, route.method, route.pattern, route.auth, route.cors,
       route.rate_limits, app.rate_limits AS app_rate_limits,
       version.id AS version_id, version.number AS version_number, version.filename,
       version.entry_points, version.kind, version.limits,
       version.isolation, app.revision AS app_revision
FROM routes AS route
JOIN scripts AS script ON script.id = route.script_id
JOIN apps AS app ON app.id = route.app_id
JOIN deployments AS deployment ON deployment.id = script.active_deployment_id
JOIN versions AS version ON version.id = deployment.version_id
WHERE script.id = $1
ORDER BY app.name, route.pattern, route.method NULLS LAST;

-- name: load_source
-- The source of one version.
SELECT source FROM versions WHERE id = $1;

-- name: notify_routes
-- Tell every node that the routes of this script (empty: of any script) changed.
SELECT pg_notify('picloud_routes', $1);
