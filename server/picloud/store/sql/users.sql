-- name: add_user
-- Store a user; fails on a taken address.
INSERT INTO users (id, email, password_hash, role, created_at) VALUES ($1, $2, $3, $4, $5);

-- name: any_user_exists
-- Whether the instance has an owner yet.
SELECT EXISTS (SELECT FROM users);

-- name: lock_users
-- Let one manager at a time create the first user.
LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE;

-- name: find_login
-- A user who may log in with the password's hash, by address.
SELECT id, email, role, created_at, disabled_at, password_hash
FROM users WHERE lower(email) = lower($1) AND disabled_at IS NULL;

-- name: get_users
-- Users by id.
SELECT id, email, role, created_at, disabled_at FROM users WHERE id = ANY ($1::uuid[]);

-- name: set_password_hash
-- Replace a hash by one with today's parameters.
UPDATE users SET password_hash = $2 WHERE id = $1;

-- name: users_share_app
-- Which of these users are members of an app of this user's, or that user.
SELECT DISTINCT other.user_id AS id
FROM members AS mine JOIN members AS other USING (app_id)
WHERE mine.user_id = $1 AND other.user_id = ANY ($2::uuid[])
  AND ($3::uuid IS NULL OR mine.app_id = $3);

-- name: find_user
-- A user by address.
SELECT id, email, role, created_at, disabled_at FROM users WHERE lower(email) = lower($1);

-- name: hold_user_of_email
-- The same, held until the transaction ends.
SELECT id, email, role, created_at, disabled_at FROM users WHERE lower(email) = lower($1)
FOR UPDATE;

-- name: lock_admins
-- The admins who may log in, held until the transaction ends.
SELECT id FROM users WHERE role = 'admin' AND disabled_at IS NULL ORDER BY id FOR UPDATE;

-- name: set_user
-- Say what a user is from now on.
UPDATE users SET role = $2, disabled_at = $3 WHERE id = $1;

-- name: delete_user
-- Forget a user.
DELETE FROM users WHERE id = $1;

-- name: list_users
-- A page of the users, by address.
SELECT id, email, role, created_at, disabled_at
FROM users
WHERE ($2::text IS NULL OR lower(email) > $2) AND ($3::text IS NULL OR lower(email) < $3)
ORDER BY lower(email) LIMIT $1;

-- name: list_users_backwards
-- The same page, read from its end.
SELECT id, email, role, created_at, disabled_at
FROM users
WHERE ($2::text IS NULL OR lower(email) > $2) AND ($3::text IS NULL OR lower(email) < $3)
ORDER BY lower(email) DESC LIMIT $1;
