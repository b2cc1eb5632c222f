-- name: add_route
-- Lead requests to a script, unless another route of the app takes them; no row when one does.
INSERT INTO routes (id, app_id, script_id, method, pattern, auth, cors, rate_limits, created_by,
                    created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (app_id, (coalesce(method, '')), (route_shape(pattern))) DO NOTHING
RETURNING id;

-- name: change_route
-- Lead a route elsewhere, or guard it otherwise; fails when another route takes its requests.
UPDATE routes
SET script_id = $2, method = $3, pattern = $4, auth = $5, cors = $6, rate_limits = $7,
    updated_at = $8
WHERE id = $1;

-- name: delete_route
-- Remove a route.
DELETE FROM routes WHERE id = $1;

-- name: lock_app_routes
-- Keep others from changing the routes of an app until this transaction ends.
SELECT id FROM apps WHERE id = $1 AND deleted_at IS NULL FOR UPDATE;

-- name: find_route
-- A route by id.
SELECT * FROM routes WHERE id = $1;

-- name: get_routes_by_id
-- Routes by id, but those of deleted scripts.
SELECT route.* FROM routes AS route JOIN scripts AS script ON script.id = route.script_id
WHERE route.id = ANY ($1::uuid[]) AND script.deleted_at IS NULL;

-- name: get_routes
-- The routes of scripts.
SELECT * FROM routes
WHERE script_id = ANY ($1::uuid[]) ORDER BY script_id, pattern, method NULLS LAST;

-- name: get_app_routes
-- The routes of apps, but those of deleted scripts.
SELECT route.* FROM routes AS route JOIN scripts AS script ON script.id = route.script_id
WHERE route.app_id = ANY ($1::uuid[]) AND script.deleted_at IS NULL
ORDER BY route.app_id, route.pattern, route.method NULLS LAST;

-- name: list_routes
-- A page of the routes of each of these apps, but those of deleted scripts, oldest first.
SELECT parent.id AS parent_id, route.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT route.* FROM routes AS route
    WHERE route.app_id = parent.id AND EXISTS (
          SELECT FROM scripts AS script
          WHERE script.id = route.script_id AND script.deleted_at IS NULL)
      AND ($3::uuid IS NULL OR route.id > $3)
      AND ($4::uuid IS NULL OR route.id < $4)
    ORDER BY route.id LIMIT $2
) AS route
ORDER BY route.id;

-- name: list_routes_backwards
-- The same pages, read from their end.
SELECT parent.id AS parent_id, route.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT route.* FROM routes AS route
    WHERE route.app_id = parent.id AND EXISTS (
          SELECT FROM scripts AS script
          WHERE script.id = route.script_id AND script.deleted_at IS NULL)
      AND ($3::uuid IS NULL OR route.id > $3)
      AND ($4::uuid IS NULL OR route.id < $4)
    ORDER BY route.id DESC LIMIT $2
) AS route
ORDER BY route.id DESC;

-- name: get_app_rate_limits
-- The limits that hold for all routes of apps together.
SELECT id, rate_limits FROM apps WHERE id = ANY ($1::uuid[]);

-- name: set_app_rate_limits
-- Limit all routes of an app together.
UPDATE apps SET rate_limits = $2 WHERE id = $1;
