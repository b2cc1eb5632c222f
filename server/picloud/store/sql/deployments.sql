-- name: next_deployment_seq
-- The next place in the history of the instance; others wait for it until this transaction ends.
UPDATE deployment_counter SET last = last + 1 RETURNING last;

-- name: add_deployment
-- Record that these versions are to serve from now on.
WITH added AS (
    INSERT INTO deployments (id, seq, app_id, script_id, version_id, kind, previous_id, message,
                             created_by, created_at)
    VALUES ($1, $2, $3, $4, ($5::uuid[])[1], $7, $8, $9, $10, $11)
    RETURNING id, script_id
)
INSERT INTO deployment_targets (deployment_id, script_id, version_id, weight)
SELECT added.id, added.script_id, target.version_id, target.weight
FROM added, unnest($5::uuid[], $6::smallint[]) AS target (version_id, weight);

-- name: activate_deployment
-- Let this deployment serve.
UPDATE scripts SET active_deployment_id = $2 WHERE id = $1;

-- name: announce_deployment
-- Wake the managers whose users follow deployments, once this transaction is committed.
SELECT pg_notify('picloud_records', '0');

-- name: served_before
-- The last version that was the main one before a deployment, other than one version.
SELECT deployment.version_id
FROM deployments AS deployment
WHERE deployment.script_id = $1 AND deployment.id < $2
  AND ($3::uuid IS NULL OR deployment.version_id <> $3)
ORDER BY deployment.id DESC LIMIT 1;

-- name: get_deployments
-- Deployments by id.
SELECT deployment.id, deployment.seq, deployment.app_id, deployment.script_id,
       deployment.kind, deployment.previous_id, deployment.message, deployment.created_by,
       deployment.created_at, target.version_ids, target.weights
FROM deployments AS deployment
CROSS JOIN LATERAL (
    SELECT array_agg(version_id ORDER BY weight DESC, version_id) AS version_ids,
           array_agg(weight ORDER BY weight DESC, version_id) AS weights
    FROM deployment_targets WHERE deployment_id = deployment.id
) AS target
WHERE deployment.id = ANY ($1::uuid[]);

-- name: list_deployments
-- A page of the deployments of each of these scripts, oldest first.
SELECT parent.id AS parent_id, deployment.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT deployment.id, deployment.seq, deployment.app_id, deployment.script_id,
           deployment.kind, deployment.previous_id, deployment.message, deployment.created_by,
           deployment.created_at, target.version_ids, target.weights
    FROM deployments AS deployment
    CROSS JOIN LATERAL (
        SELECT array_agg(version_id ORDER BY weight DESC, version_id) AS version_ids,
               array_agg(weight ORDER BY weight DESC, version_id) AS weights
        FROM deployment_targets WHERE deployment_id = deployment.id
    ) AS target
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
    SELECT deployment.id, deployment.seq, deployment.app_id, deployment.script_id,
           deployment.kind, deployment.previous_id, deployment.message, deployment.created_by,
           deployment.created_at, target.version_ids, target.weights
    FROM deployments AS deployment
    CROSS JOIN LATERAL (
        SELECT array_agg(version_id ORDER BY weight DESC, version_id) AS version_ids,
               array_agg(weight ORDER BY weight DESC, version_id) AS weights
        FROM deployment_targets WHERE deployment_id = deployment.id
    ) AS target
    WHERE deployment.script_id = parent.id
      AND ($3::uuid IS NULL OR deployment.id > $3)
      AND ($4::uuid IS NULL OR deployment.id < $4)
    ORDER BY deployment.id DESC LIMIT $2
) AS deployment
ORDER BY deployment.id DESC;

-- name: deployment_position
-- How far the history has come: the position from which a tail goes on.
SELECT 0 AS node_number, last AS seq FROM deployment_counter;

-- name: read_new_deployments
-- The next deployments, only those of some apps, and how far this read came.
WITH fresh AS MATERIALIZED (
    SELECT deployment.id, deployment.seq, deployment.app_id, deployment.script_id,
           deployment.kind, deployment.previous_id, deployment.message, deployment.created_by,
           deployment.created_at, target.version_ids, target.weights
    FROM deployments AS deployment
    CROSS JOIN LATERAL (
        SELECT array_agg(version_id ORDER BY weight DESC, version_id) AS version_ids,
               array_agg(weight ORDER BY weight DESC, version_id) AS weights
        FROM deployment_targets WHERE deployment_id = deployment.id
    ) AS target
    WHERE $1::integer = 0 AND deployment.seq > $2
      AND ($3::bigint IS NULL OR deployment.seq <= $3)
    ORDER BY deployment.seq LIMIT $4
)
SELECT high.seq AS high_seq, fresh.*
FROM (SELECT max(seq) AS seq FROM fresh) AS high
LEFT JOIN fresh ON fresh.app_id = ANY ($5::uuid[])
ORDER BY fresh.seq;

-- name: count_by_version
-- How the newest invocations of scripts fell on their versions, and how many of them failed.
SELECT script.id AS script_id, record.version_id, count(*) AS invocations,
       count(*) FILTER (WHERE record.outcome <> 'ok') AS failed
FROM unnest($1::uuid[]) AS script (id)
CROSS JOIN LATERAL (
    SELECT version_id, outcome FROM invocations
    WHERE invocations.script_id = script.id
    ORDER BY invocations.id DESC LIMIT $2
) AS record
GROUP BY script.id, record.version_id;
