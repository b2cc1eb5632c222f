-- name: find_token
-- A token by its hash with its user, unless it was revoked or has run out.
SELECT token.id, token.user_id, token.name, token.scopes, token.app_id, token.script_id,
       token.minted_by, token.created_at, token.expires_at, token.last_used_at,
       person.email, person.role, person.created_at AS user_created_at
FROM tokens AS token JOIN users AS person ON person.id = token.user_id
WHERE token.token_hash = $1 AND token.revoked_at IS NULL
  AND (token.expires_at IS NULL OR token.expires_at > $2);

-- name: get_standing_token
-- The same by its id.
SELECT token.id, token.user_id, token.name, token.scopes, token.app_id, token.script_id,
       token.minted_by, token.created_at, token.expires_at, token.last_used_at,
       person.email, person.role, person.created_at AS user_created_at
FROM tokens AS token JOIN users AS person ON person.id = token.user_id
WHERE token.id = $1 AND token.revoked_at IS NULL
  AND (token.expires_at IS NULL OR token.expires_at > $2);

-- name: note_token_use
-- Remember that a token is used, unless somebody has since the given time.
UPDATE tokens SET last_used_at = $2
WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3);
