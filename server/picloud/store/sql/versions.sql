-- name: add_version
-- Store the next version of a locked script and return its number.
INSERT INTO versions (id, script_id, number, source, source_digest, filename, entry_points, kind,
                      runtime, limits, isolation, message, created_by, created_at)
SELECT $1::uuid, $2::uuid, coalesce(max(number), 0) + 1, $3::text, $4::bytea, $5::text, $6::text[],
       $7::text, $8::text, $9::jsonb, $10::version_isolation, $11::text, $12::uuid, $13::timestamptz
FROM versions WHERE script_id = $2
RETURNING number;

-- name: get_versions
-- Versions by id.
SELECT version.id, version.script_id, version.number, version.source_digest, version.filename,
       version.entry_points, version.kind, version.runtime, version.limits, version.isolation,
       version.message, version.created_by, version.created_at
FROM versions AS version WHERE version.id = ANY ($1::uuid[]);

-- name: active_version
-- The version of the deployment that serves.
SELECT version.id, version.script_id, version.number, version.source_digest, version.filename,
       version.entry_points, version.kind, version.runtime, version.limits, version.isolation,
       version.message, version.created_by, version.created_at
FROM deployments AS deployment
JOIN versions AS version ON version.id = deployment.version_id
WHERE deployment.id = $1;

-- name: newest_version
-- The version of a script with the highest number.
SELECT version.id, version.script_id, version.number, version.source_digest, version.filename,
       version.entry_points, version.kind, version.runtime, version.limits, version.isolation,
       version.message, version.created_by, version.created_at
FROM versions AS version WHERE version.script_id = $1 ORDER BY version.number DESC LIMIT 1;

-- name: numbered_versions
-- Versions of a script by number.
SELECT version.id, version.script_id, version.number, version.source_digest, version.filename,
       version.entry_points, version.kind, version.runtime, version.limits, version.isolation,
       version.message, version.created_by, version.created_at
FROM versions AS version WHERE version.script_id = $1 AND version.number = ANY ($2::integer[]);

-- name: add_version_files
-- Store the files of a version beside its entry.
INSERT INTO version_files (version_id, path, content)
SELECT $1::uuid, file.path, file.content
FROM unnest($2::text[], $3::bytea[]) AS file (path, content);

-- name: get_file_names
-- All files of versions, without what is in them.
SELECT version_id, path, octet_length(content) AS size FROM version_files
WHERE version_id = ANY ($1::uuid[])
UNION ALL
SELECT id, filename, octet_length(source) FROM versions WHERE id = ANY ($1::uuid[])
ORDER BY version_id, path;

-- name: get_file_contents
-- The files of versions beside their entries.
SELECT version_id, path, content FROM version_files WHERE version_id = ANY ($1::uuid[]);

-- name: get_sources
-- The entries of versions.
SELECT id, filename, source FROM versions WHERE id = ANY ($1::uuid[]);

-- name: list_versions
-- A page of the versions of each of these scripts, by number.
SELECT parent.id AS parent_id, version.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT version.id, version.script_id, version.number, version.source_digest, version.filename,
           version.entry_points, version.kind, version.runtime, version.limits,
           version.isolation, version.message, version.created_by, version.created_at
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
           version.isolation, version.message, version.created_by, version.created_at
    FROM versions AS version
    WHERE version.script_id = parent.id
      AND ($3::integer IS NULL OR version.number > $3)
      AND ($4::integer IS NULL OR version.number < $4)
    ORDER BY version.number DESC LIMIT $2
) AS version
ORDER BY version.number DESC;
