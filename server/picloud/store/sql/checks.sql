-- name: add_check
-- Ask for a source to be checked in a sandbox.
INSERT INTO source_checks (id, source, filename, modules, digest, created_at)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: announce_check
-- Wake the nodes for a waiting check.
SELECT pg_notify('picloud_checks', $1);

-- name: list_pending_checks
-- What a node that (re)connects has missed, oldest first.
SELECT id FROM source_checks WHERE state = 'pending' ORDER BY id LIMIT 100;

-- name: claim_check
-- Take a pending check; no row when another node was faster.
UPDATE source_checks SET state = 'claimed' WHERE id = $1 AND state = 'pending'
RETURNING id, source, filename, modules, digest;

-- name: finish_check
-- Hand in the result of a claimed check; no row when the manager has given up.
UPDATE source_checks SET state = 'done', result = $2 WHERE id = $1 AND state = 'claimed'
RETURNING id;

-- name: announce_checked
-- Wake the manager that waits for this check.
SELECT pg_notify('picloud_checked', $1);

-- name: read_check
-- A check as it stands.
SELECT state, result FROM source_checks WHERE id = $1;

-- name: delete_check
-- Forget a check, answered or given up.
DELETE FROM source_checks WHERE id = $1;

-- name: delete_old_checks
-- Forget checks whose manager died before it read them.
DELETE FROM source_checks WHERE created_at < $1;
