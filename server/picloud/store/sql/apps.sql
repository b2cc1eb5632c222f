-- name: add_app
-- Store an app; fails on a taken name.
INSERT INTO apps (id, name, created_by, created_at) VALUES ($1, $2, $3, $4);

-- name: add_member
-- Give a user a place in an app.
INSERT INTO members (app_id, user_id, role) VALUES ($1, $2, $3);

-- name: find_app
-- A living app by its name, or by one it had.
SELECT app.id, app.name, app.created_by, app.created_at FROM apps AS app
WHERE app.deleted_at IS NULL
  AND (app.name = $1 OR app.id = (SELECT app_id FROM app_aliases WHERE name = $1));

-- name: get_apps
-- Living apps by id.
SELECT app.id, app.name, app.created_by, app.created_at FROM apps AS app
WHERE app.deleted_at IS NULL AND app.id = ANY ($1::uuid[]);

-- name: get_roles
-- A user's place in each of these apps, where there is one.
SELECT app_id, role FROM members WHERE user_id = $1 AND app_id = ANY ($2::uuid[]);

-- name: roles_of
-- All of a user's places in apps.
SELECT app_id, role FROM members WHERE user_id = $1;

-- name: get_standings
-- Which of these apps are there, and a user's place in each; null: none.
SELECT app.id, member.role
FROM apps AS app LEFT JOIN members AS member ON member.app_id = app.id AND member.user_id = $2
WHERE app.id = ANY ($1::uuid[]) AND app.deleted_at IS NULL;

-- name: list_apps
-- A page of the living apps a user is a member of, by name; no user: of all apps.
SELECT app.id, app.name, app.created_by, app.created_at
FROM apps AS app
WHERE app.deleted_at IS NULL
  AND ($4::uuid IS NULL OR EXISTS (
      SELECT FROM members AS member WHERE member.app_id = app.id AND member.user_id = $4))
  AND ($5::uuid IS NULL OR app.id = $5)
  AND ($2::text IS NULL OR app.name > $2)
  AND ($3::text IS NULL OR app.name < $3)
ORDER BY app.name LIMIT $1;

-- name: list_apps_backwards
-- The same page, read from its end.
SELECT app.id, app.name, app.created_by, app.created_at
FROM apps AS app
WHERE app.deleted_at IS NULL
  AND ($4::uuid IS NULL OR EXISTS (
      SELECT FROM members AS member WHERE member.app_id = app.id AND member.user_id = $4))
  AND ($5::uuid IS NULL OR app.id = $5)
  AND ($2::text IS NULL OR app.name > $2)
  AND ($3::text IS NULL OR app.name < $3)
ORDER BY app.name DESC LIMIT $1;
