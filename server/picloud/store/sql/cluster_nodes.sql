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
SELECT id, number, name, started_at, isolation FROM cluster_nodes
WHERE ($1::smallint IS NULL OR number > $1) AND ($2::smallint IS NULL OR number < $2)
ORDER BY number LIMIT $3;

-- name: list_cluster_nodes_backwards
-- The same page, read from its end.
SELECT id, number, name, started_at, isolation FROM cluster_nodes
WHERE ($1::smallint IS NULL OR number > $1) AND ($2::smallint IS NULL OR number < $2)
ORDER BY number DESC LIMIT $3;

-- name: get_cluster_node
-- One node.
SELECT id, number, name, started_at, isolation FROM cluster_nodes WHERE id = $1;

-- name: try_presence
-- Hold the lock that says this node lives, until the session ends.
SELECT pg_try_advisory_lock($1::int, $2::int);
