-- name: add_session
-- Store a log-in.
INSERT INTO sessions
    (id, user_id, token_hash, method, address, agent, created_at, used_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8);

-- name: find_session
-- A session by its token's hash with its user, unless it has run out or the user is disabled.
SELECT session.id, session.user_id, session.method, session.address, session.agent,
       session.created_at, session.used_at, session.expires_at,
       person.email, person.role, person.created_at AS user_created_at
FROM sessions AS session JOIN users AS person ON person.id = session.user_id
WHERE session.token_hash = $1 AND session.expires_at > $2 AND person.disabled_at IS NULL;

-- name: get_session
-- The same by its id.
SELECT session.id, session.user_id, session.method, session.address, session.agent,
       session.created_at, session.used_at, session.expires_at,
       person.email, person.role, person.created_at AS user_created_at
FROM sessions AS session JOIN users AS person ON person.id = session.user_id
WHERE session.id = $1 AND session.expires_at > $2 AND person.disabled_at IS NULL;

-- name: note_session_use
-- Say when and where from a session was last used, unless somebody has since the given time.
UPDATE sessions SET used_at = $2, address = $3, agent = $4 WHERE id = $1 AND used_at <= $5;

-- name: delete_session
-- End a session of a user.
DELETE FROM sessions WHERE id = $1 AND user_id = $2
RETURNING id, user_id, method, address, agent, created_at, used_at, expires_at;

-- name: delete_other_sessions
-- End the sessions of a user, but for one.
DELETE FROM sessions WHERE user_id = $1 AND id IS DISTINCT FROM $2 RETURNING id;

-- name: delete_expired_sessions
-- Forget what ran out.
DELETE FROM sessions WHERE expires_at <= $1;

-- name: get_own_sessions
-- Sessions of a user by id.
SELECT id, user_id, method, address, agent, created_at, used_at, expires_at
FROM sessions WHERE id = ANY ($1::uuid[]) AND user_id = $2 AND expires_at > $3;

-- name: list_sessions
-- A page of a user's sessions, oldest first.
SELECT id, user_id, method, address, agent, created_at, used_at, expires_at
FROM sessions
WHERE user_id = $4 AND expires_at > $5
  AND ($2::uuid IS NULL OR id > $2)
  AND ($3::uuid IS NULL OR id < $3)
ORDER BY id LIMIT $1;

-- name: list_sessions_backwards
-- The same page, read from its end.
SELECT id, user_id, method, address, agent, created_at, used_at, expires_at
FROM sessions
WHERE user_id = $4 AND expires_at > $5
  AND ($2::uuid IS NULL OR id > $2)
  AND ($3::uuid IS NULL OR id < $3)
ORDER BY id DESC LIMIT $1;
