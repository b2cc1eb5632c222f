-- name: add_password_reset
-- Let a user choose a new password, in the place of an earlier leave.
INSERT INTO password_resets (user_id, token_hash, created_at, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (user_id) DO UPDATE SET
    token_hash = excluded.token_hash, created_at = excluded.created_at,
    expires_at = excluded.expires_at;

-- name: take_password_reset
-- Use a leave up, unless it ran out or its user is disabled.
DELETE FROM password_resets AS reset USING users AS person
WHERE reset.token_hash = $1 AND reset.expires_at > $2
  AND person.id = reset.user_id AND person.disabled_at IS NULL
RETURNING reset.user_id;

-- name: delete_password_reset
-- Take the leave of a user away unused.
DELETE FROM password_resets WHERE user_id = $1;
