-- name: list_log_records
-- A page of the log records of each of these apps or scripts, oldest first.
SELECT parent.id AS parent_id, record.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT found.*
    FROM scripts AS script
    CROSS JOIN LATERAL (
        SELECT record.node_number, record.seq, record.app_id, record.script_id, record.version_id,
               record.invocation_id, record.number, record.level, record.stream, record.logged_at,
               record.text
        FROM log_records AS record
        WHERE record.script_id = script.id AND record.level >= $9
          AND ($3::timestamptz IS NULL
           OR (record.logged_at, record.node_number, record.seq)
              > ($3::timestamptz, $4::smallint, $5::bigint))
          AND ($6::timestamptz IS NULL
           OR (record.logged_at, record.node_number, record.seq)
              < ($6::timestamptz, $7::smallint, $8::bigint))
        ORDER BY record.logged_at, record.node_number, record.seq LIMIT $2
    ) AS found
    WHERE script.id = parent.id OR script.app_id = parent.id
    ORDER BY found.logged_at, found.node_number, found.seq LIMIT $2
) AS record
ORDER BY record.logged_at, record.node_number, record.seq;

-- name: list_log_records_backwards
-- The same pages, read from their end.
SELECT parent.id AS parent_id, record.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT found.*
    FROM scripts AS script
    CROSS JOIN LATERAL (
        SELECT record.node_number, record.seq, record.app_id, record.script_id, record.version_id,
               record.invocation_id, record.number, record.level, record.stream, record.logged_at,
               record.text
        FROM log_records AS record
        WHERE record.script_id = script.id AND record.level >= $9
          AND ($3::timestamptz IS NULL
           OR (record.logged_at, record.node_number, record.seq)
              > ($3::timestamptz, $4::smallint, $5::bigint))
          AND ($6::timestamptz IS NULL
           OR (record.logged_at, record.node_number, record.seq)
              < ($6::timestamptz, $7::smallint, $8::bigint))
        ORDER BY record.logged_at DESC, record.node_number DESC, record.seq DESC LIMIT $2
    ) AS found
    WHERE script.id = parent.id OR script.app_id = parent.id
    ORDER BY found.logged_at DESC, found.node_number DESC, found.seq DESC LIMIT $2
) AS record
ORDER BY record.logged_at DESC, record.node_number DESC, record.seq DESC;

-- name: list_invocation_logs
-- A page of the log records of each of these invocations, in their order.
SELECT parent.id AS parent_id, record.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT record.node_number, record.seq, record.app_id, record.script_id, record.version_id,
           record.invocation_id, record.number, record.level, record.stream, record.logged_at,
           record.text
    FROM log_records AS record
    WHERE record.invocation_id = parent.id AND record.level >= $5
      AND ($3::integer IS NULL OR record.number > $3)
      AND ($4::integer IS NULL OR record.number < $4)
    ORDER BY record.number LIMIT $2
) AS record
ORDER BY record.number;

-- name: list_invocation_logs_backwards
-- The same pages, read from their end.
SELECT parent.id AS parent_id, record.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT record.node_number, record.seq, record.app_id, record.script_id, record.version_id,
           record.invocation_id, record.number, record.level, record.stream, record.logged_at,
           record.text
    FROM log_records AS record
    WHERE record.invocation_id = parent.id AND record.level >= $5
      AND ($3::integer IS NULL OR record.number > $3)
      AND ($4::integer IS NULL OR record.number < $4)
    ORDER BY record.number DESC LIMIT $2
) AS record
ORDER BY record.number DESC;

-- name: log_record_position
-- How far each node has come: the position from which a tail goes on.
WITH RECURSIVE node (number) AS (
    SELECT min(node_number) FROM log_records
    UNION ALL
    SELECT (SELECT min(node_number) FROM log_records WHERE node_number > node.number)
    FROM node WHERE node.number IS NOT NULL
)
SELECT node.number AS node_number,
       (SELECT max(seq) FROM log_records WHERE node_number = node.number) AS seq
FROM node WHERE node.number IS NOT NULL;

-- name: read_new_log_records
-- The next log records of one node, only those of some apps, and how far this read came.
WITH fresh AS MATERIALIZED (
    SELECT record.node_number, record.seq, record.app_id, record.script_id, record.version_id,
           record.invocation_id, record.number, record.level, record.stream, record.logged_at,
           record.text
    FROM log_records AS record
    WHERE record.node_number = $1 AND record.seq > $2 AND ($3::bigint IS NULL OR record.seq <= $3)
    ORDER BY record.seq LIMIT $4
)
SELECT high.seq AS high_seq, fresh.*
FROM (SELECT max(seq) AS seq FROM fresh) AS high
LEFT JOIN fresh ON fresh.app_id = ANY ($5::uuid[])
ORDER BY fresh.seq;
