-- name: add_session
-- Store a log-in.
INSERT INTO sessions (id, user_id, token_hash, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5);

-- name: find_session
-- The user and session of a token's hash, unless it has run out.
SELECT session.id AS session_id, session.expires_at,
       person.id, person.email, person.role, person.created_at
FROM sessions AS session JOIN users AS person ON person.id = session.user_id
WHERE session.token_hash = $1 AND session.expires_at > $2;

-- name: get_session
-- The user and session of a session's id, unless it was ended or has run out.
SELECT session.id AS session_id, session.expires_at,
       person.id, person.email, person.role, person.created_at
FROM sessions AS session JOIN users AS person ON person.id = session.user_id
WHERE session.id = $1 AND session.expires_at > $2;

-- name: delete_session
-- End a session, and tell every manager that has a subscription of it open.
WITH ended AS (DELETE FROM sessions WHERE id = $1 RETURNING id)
SELECT pg_notify('picloud_access', id::text) FROM ended;

-- name: delete_expired_sessions
-- Forget what ran out.
DELETE FROM sessions WHERE expires_at <= $1;
