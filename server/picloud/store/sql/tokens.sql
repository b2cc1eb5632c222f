-- name: find_token
-- A token by its hash with its user, unless it was revoked, has run out, the user is disabled, or
-- its app is deleted.
SELECT token.id, token.user_id, token.name, token.scopes, token.app_id, token.script_id,
       token.minted_by, token.created_at, token.expires_at, token.last_used_at,
       person.email, person.role, person.created_at AS user_created_at
FROM tokens AS token JOIN users AS person ON person.id = token.user_id
WHERE token.token_hash = $1 AND token.revoked_at IS NULL AND person.disabled_at IS NULL
  AND (token.expires_at IS NULL OR token.expires_at > $2)
  AND NOT EXISTS (
      SELECT FROM apps AS app WHERE app.id = token.app_id AND app.deleted_at IS NOT NULL);

-- name: get_standing_token
-- The same by its id.
SELECT token.id, token.user_id, token.name, token.scopes, token.app_id, token.script_id,
       token.minted_by, token.created_at, token.expires_at, token.last_used_at,
       person.email, person.role, person.created_at AS user_created_at
FROM tokens AS token JOIN users AS person ON person.id = token.user_id
WHERE token.id = $1 AND token.revoked_at IS NULL AND person.disabled_at IS NULL
  AND (token.expires_at IS NULL OR token.expires_at > $2)
  AND NOT EXISTS (
      SELECT FROM apps AS app WHERE app.id = token.app_id AND app.deleted_at IS NOT NULL);

-- name: note_token_use
-- Remember that a token is used, unless somebody has since the given time.
UPDATE tokens SET last_used_at = $2
WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3);

-- name: add_token
-- Store a token; fails on a name its user has given to another.
INSERT INTO tokens (id, user_id, name, token_hash, scopes, app_id, script_id, minted_by,
                    created_at, expires_at)
VALUES ($1, $2, $3, $4, $5::token_scope[], $6, $7, $8, $9, $10);

-- name: hold_user
-- Let one transaction at a time mint for a user.
SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE;

-- name: count_tokens
-- How many tokens a user has.
SELECT count(*) FROM tokens WHERE user_id = $1 AND revoked_at IS NULL;

-- name: hold_token
-- A token that was not revoked, and will not be until the transaction ends.
SELECT id FROM tokens WHERE id = $1 AND revoked_at IS NULL FOR SHARE;

-- name: revoke_token
-- End a token.
UPDATE tokens AS token SET revoked_at = $2 WHERE token.id = $1 AND token.revoked_at IS NULL
RETURNING token.id, token.user_id, token.name, token.scopes, token.app_id, token.script_id,
          token.minted_by, token.created_at, token.expires_at, token.last_used_at;

-- name: revoke_minted
-- End the tokens that were minted with these.
UPDATE tokens AS token SET revoked_at = $2
WHERE token.minted_by = ANY ($1::uuid[]) AND token.revoked_at IS NULL
RETURNING token.id, token.user_id, token.name, token.scopes, token.app_id, token.script_id,
          token.minted_by, token.created_at, token.expires_at, token.last_used_at;

-- name: get_tokens
-- Tokens by id, but those of deleted apps.
SELECT token.id, token.user_id, token.name, token.scopes, token.app_id, token.script_id,
       token.minted_by, token.created_at, token.expires_at, token.last_used_at
FROM tokens AS token
WHERE token.id = ANY ($1::uuid[]) AND token.revoked_at IS NULL AND NOT EXISTS (
      SELECT FROM apps AS app WHERE app.id = token.app_id AND app.deleted_at IS NOT NULL);

-- name: list_user_tokens
-- A page of each of these users' tokens, but those of deleted apps, oldest first.
SELECT parent.id AS parent_id, token.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT token.id, token.user_id, token.name, token.scopes, token.app_id, token.script_id,
           token.minted_by, token.created_at, token.expires_at, token.last_used_at
    FROM tokens AS token
    WHERE token.user_id = parent.id AND token.revoked_at IS NULL AND NOT EXISTS (
          SELECT FROM apps AS app WHERE app.id = token.app_id AND app.deleted_at IS NOT NULL)
      AND ($3::uuid IS NULL OR token.id > $3)
      AND ($4::uuid IS NULL OR token.id < $4)
    ORDER BY token.id LIMIT $2
) AS token
ORDER BY token.id;

-- name: list_user_tokens_backwards
-- The same pages, read from their end.
SELECT parent.id AS parent_id, token.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT token.id, token.user_id, token.name, token.scopes, token.app_id, token.script_id,
           token.minted_by, token.created_at, token.expires_at, token.last_used_at
    FROM tokens AS token
    WHERE token.user_id = parent.id AND token.revoked_at IS NULL AND NOT EXISTS (
          SELECT FROM apps AS app WHERE app.id = token.app_id AND app.deleted_at IS NOT NULL)
      AND ($3::uuid IS NULL OR token.id > $3)
      AND ($4::uuid IS NULL OR token.id < $4)
    ORDER BY token.id DESC LIMIT $2
) AS token
ORDER BY token.id DESC;

-- name: list_app_tokens
-- A page of the tokens that are for each of these apps only, oldest first.
SELECT parent.id AS parent_id, token.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT token.id, token.user_id, token.name, token.scopes, token.app_id, token.script_id,
           token.minted_by, token.created_at, token.expires_at, token.last_used_at
    FROM tokens AS token
    WHERE token.app_id = parent.id AND token.revoked_at IS NULL
      AND ($3::uuid IS NULL OR token.id > $3)
      AND ($4::uuid IS NULL OR token.id < $4)
    ORDER BY token.id LIMIT $2
) AS token
ORDER BY token.id;

-- name: list_app_tokens_backwards
-- The same pages, read from their end.
SELECT parent.id AS parent_id, token.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT token.id, token.user_id, token.name, token.scopes, token.app_id, token.script_id,
           token.minted_by, token.created_at, token.expires_at, token.last_used_at
    FROM tokens AS token
    WHERE token.app_id = parent.id AND token.revoked_at IS NULL
      AND ($3::uuid IS NULL OR token.id > $3)
      AND ($4::uuid IS NULL OR token.id < $4)
    ORDER BY token.id DESC LIMIT $2
) AS token
ORDER BY token.id DESC;
