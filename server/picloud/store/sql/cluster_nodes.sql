-- name: register_cluster_node
-- A node starts: a new row with the next number, or its own row again.
INSERT INTO cluster_nodes AS node (id, number, name, started_at, isolation)
SELECT $1, coalesce(max(other.number), 0) + 1, $2, $3, $4::jsonb FROM cluster_nodes AS other
ON CONFLICT ON CONSTRAINT cluster_node_pkey
DO UPDATE SET name = excluded.name, started_at = excluded.started_at,
              isolation = excluded.isolation
RETURNING node.number;

-- name: list_cluster_nodes
-- A page of the nodes, by number.
SELECT node.id, node.number, node.name, node.started_at, node.isolation
FROM cluster_nodes AS node
WHERE ($2::smallint IS NULL OR node.number > $2)
  AND ($3::smallint IS NULL OR node.number < $3)
ORDER BY node.number LIMIT $1;

-- name: list_cluster_nodes_backwards
-- The same page, read from its end.
SELECT node.id, node.number, node.name, node.started_at, node.isolation
FROM cluster_nodes AS node
WHERE ($2::smallint IS NULL OR node.number > $2)
  AND ($3::smallint IS NULL OR node.number < $3)
ORDER BY node.number DESC LIMIT $1;

-- name: get_cluster_nodes
-- Nodes by id.
SELECT node.id, node.number, node.name, node.started_at, node.isolation
FROM cluster_nodes AS node WHERE node.id = ANY ($1::uuid[]);

-- name: try_presence
-- Hold the lock that says this node lives, until the session ends.
SELECT pg_try_advisory_lock($1::int, $2::int);
