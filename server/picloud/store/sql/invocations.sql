-- name: get_invocations
-- Invocations by id.
SELECT record.id, record.node_number, record.seq, record.app_id, record.script_id,
       record.version_id, record.trigger, record.outcome, record.method, record.path,
       record.status, record.started_at, record.duration_us, record.queue_us, record.cold,
       record.bytes_in, record.bytes_out, record.error_code, record.error, record.fetches
FROM invocations AS record WHERE record.id = ANY ($1::uuid[]);

-- name: get_last_invocations
-- The newest invocation of each of these scripts.
SELECT record.*
FROM unnest($1::uuid[]) AS script (id)
CROSS JOIN LATERAL (
    SELECT record.id, record.node_number, record.seq, record.app_id, record.script_id,
           record.version_id, record.trigger, record.outcome, record.method, record.path,
           record.status, record.started_at, record.duration_us, record.queue_us, record.cold,
           record.bytes_in, record.bytes_out, record.error_code, record.error, record.fetches
    FROM invocations AS record
    WHERE record.script_id = script.id
    ORDER BY record.id DESC LIMIT 1
) AS record;

-- name: list_invocations
-- A page of the invocations of each of these apps or scripts, oldest first.
SELECT parent.id AS parent_id, record.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT found.*
    FROM scripts AS script
    CROSS JOIN LATERAL (
        SELECT record.id, record.node_number, record.seq, record.app_id, record.script_id,
               record.version_id, record.trigger, record.outcome, record.method, record.path,
               record.status, record.started_at, record.duration_us, record.queue_us, record.cold,
               record.bytes_in, record.bytes_out, record.error_code, record.error, record.fetches
        FROM invocations AS record
        WHERE record.script_id = script.id
          AND ($3::uuid IS NULL OR record.id > $3)
          AND ($4::uuid IS NULL OR record.id < $4)
        ORDER BY record.id LIMIT $2
    ) AS found
    WHERE script.id = parent.id OR script.app_id = parent.id
    ORDER BY found.id LIMIT $2
) AS record
ORDER BY record.id;

-- name: list_invocations_backwards
-- The same pages, read from their end.
SELECT parent.id AS parent_id, record.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT found.*
    FROM scripts AS script
    CROSS JOIN LATERAL (
        SELECT record.id, record.node_number, record.seq, record.app_id, record.script_id,
               record.version_id, record.trigger, record.outcome, record.method, record.path,
               record.status, record.started_at, record.duration_us, record.queue_us, record.cold,
               record.bytes_in, record.bytes_out, record.error_code, record.error, record.fetches
        FROM invocations AS record
        WHERE record.script_id = script.id
          AND ($3::uuid IS NULL OR record.id > $3)
          AND ($4::uuid IS NULL OR record.id < $4)
        ORDER BY record.id DESC LIMIT $2
    ) AS found
    WHERE script.id = parent.id OR script.app_id = parent.id
    ORDER BY found.id DESC LIMIT $2
) AS record
ORDER BY record.id DESC;

-- name: invocation_position
-- How far each node has come: the position from which a tail goes on.
WITH RECURSIVE node (number) AS (
    SELECT min(node_number) FROM invocations
    UNION ALL
    SELECT (SELECT min(node_number) FROM invocations WHERE node_number > node.number)
    FROM node WHERE node.number IS NOT NULL
)
SELECT node.number AS node_number,
       (SELECT max(seq) FROM invocations WHERE node_number = node.number) AS seq
FROM node WHERE node.number IS NOT NULL;

-- name: read_new_invocations
-- The next invocations of one node, only those of some apps, and how far this read came.
WITH fresh AS MATERIALIZED (
    SELECT record.id, record.node_number, record.seq, record.app_id, record.script_id,
           record.version_id, record.trigger, record.outcome, record.method, record.path,
           record.status, record.started_at, record.duration_us, record.queue_us, record.cold,
           record.bytes_in, record.bytes_out, record.error_code, record.error, record.fetches
    FROM invocations AS record
    WHERE record.node_number = $1 AND record.seq > $2 AND ($3::bigint IS NULL OR record.seq <= $3)
    ORDER BY record.seq LIMIT $4
)
SELECT high.seq AS high_seq, fresh.*
FROM (SELECT max(seq) AS seq FROM fresh) AS high
LEFT JOIN fresh ON fresh.app_id = ANY ($5::uuid[])
ORDER BY fresh.seq;
