-- name: add_version
-- Store the next version of a locked script and return its number.
INSERT INTO versions (id, script_id, number, source, source_digest, filename, entry_points, kind,
                      runtime, limits, isolation, created_by, created_at)
SELECT $1::uuid, $2::uuid, coalesce(max(number), 0) + 1, $3::text, $4::bytea, $5::text, $6::text[],
       $7::text, $8::text, $9::jsonb, $10::version_isolation, $11::uuid, $12::timestamptz
FROM versions WHERE script_id = $2
RETURNING number;

-- name: get_versions
-- Versions by id.
SELECT version.id, version.script_id, version.number, version.source_digest, version.filename,
       version.entry_points, version.kind, version.runtime, version.limits, version.isolation,
       version.created_by, version.created_at
FROM versions AS version WHERE version.id = ANY ($1::uuid[]);

-- name: active_version
-- The version of the deployment that serves.
SELECT version.id, version.script_id, version.number, version.source_digest, version.filename,
       version.entry_points, version.kind, version.runtime, version.limits, version.isolation,
       version.created_by, version.created_at
FROM deployments AS deployment
JOIN versions AS version ON version.id = deployment.version_id
WHERE deployment.id = $1;

-- name: get_sources
-- The sources of versions.
SELECT id, source FROM versions WHERE id = ANY ($1::uuid[]);

-- name: list_versions
-- A page of the versions of each of these scripts, by number.
SELECT parent.id AS parent_id, version.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT version.id, version.script_id, version.number, version.source_digest, version.filename,
           version.entry_points, version.kind, version.runtime, version.limits,
           version.isolation, version.created_by, version.created_at
    FROM versions AS version
    WHERE version.script_id = parent.id
      AND ($3::integer IS NULL OR version.number > $3)
      AND ($4::integer IS NULL OR version.number < $4)
    ORDER BY version.number LIMIT $2
) AS version
ORDER BY version.number;

-- name: list_versions_backwards
-- The same pages, read from their end.
SELECT parent.id AS parent_id, version.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT version.id, version.script_id, version.number, version.source_digest, version.filename,
           version.entry_points, version.kind, version.runtime, version.limits,
           version.isolation, version.created_by, version.created_at
    FROM versions AS version
    WHERE version.script_id = parent.id
      AND ($3::integer IS NULL OR version.number > $3)
      AND ($4::integer IS NULL OR version.number < $4)
    ORDER BY version.number DESC LIMIT $2
) AS version
ORDER BY version.number DESC;

-- name: add_deployment
-- Record that a version is to serve from now on.
INSERT INTO deployments (id, script_id, version_id, created_by, created_at)
VALUES ($1, $2, $3, $4, $5);

-- name: get_deployments
-- Deployments by id.
SELECT deployment.id, deployment.script_id, deployment.version_id, deployment.created_by,
       deployment.created_at
FROM deployments AS deployment WHERE deployment.id = ANY ($1::uuid[]);

-- name: list_deployments
-- A page of the deployments of each of these scripts, oldest first.
SELECT parent.id AS parent_id, deployment.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT deployment.id, deployment.script_id, deployment.version_id, deployment.created_by,
           deployment.created_at
    FROM deployments AS deployment
    WHERE deployment.script_id = parent.id
      AND ($3::uuid IS NULL OR deployment.id > $3)
      AND ($4::uuid IS NULL OR deployment.id < $4)
    ORDER BY deployment.id LIMIT $2
) AS deployment
ORDER BY deployment.id;

-- name: list_deployments_backwards
-- The same pages, read from their end.
SELECT parent.id AS parent_id, deployment.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT deployment.id, deployment.script_id, deployment.version_id, deployment.created_by,
           deployment.created_at
    FROM deployments AS deployment
    WHERE deployment.script_id = parent.id
      AND ($3::uuid IS NULL OR deployment.id > $3)
      AND ($4::uuid IS NULL OR deployment.id < $4)
    ORDER BY deployment.id DESC LIMIT $2
) AS deployment
ORDER BY deployment.id DESC;
