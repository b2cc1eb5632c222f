-- name: notify_access
-- Tell who holds something open or cached that this user's, session's, token's or app's rights changed.
SELECT pg_notify('picloud_access', $1::uuid::text);
