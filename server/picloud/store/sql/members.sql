-- name: set_member_role
-- Change a member's role; no row when there is no such member.
UPDATE members SET role = $3 WHERE app_id = $1 AND user_id = $2 RETURNING user_id;

-- name: remove_member
-- Take a user's place in an app away; no row when there was none.
DELETE FROM members WHERE app_id = $1 AND user_id = $2 RETURNING user_id;

-- name: demote_owners
-- Make editors of all owners of an app but one; the rows are who they were.
UPDATE members SET role = 'editor' WHERE app_id = $1 AND role = 'owner' AND user_id <> $2
RETURNING user_id;

-- name: count_owners
-- How many owners an app has who may log in.
SELECT count(*) FROM members AS member JOIN users AS person ON person.id = member.user_id
WHERE member.app_id = $1 AND member.role = 'owner' AND person.disabled_at IS NULL;

-- name: lock_owned_apps
-- Hold every app a user owns against other changes of its members, in one order for all.
SELECT app.id, app.name FROM apps AS app
WHERE app.deleted_at IS NULL AND EXISTS (
      SELECT FROM members AS member
      WHERE member.app_id = app.id AND member.user_id = $1 AND member.role = 'owner')
ORDER BY app.id FOR NO KEY UPDATE;

-- name: apps_without_other_owner
-- Which of these apps nobody owns who may log in, but this user.
SELECT app.name FROM apps AS app
WHERE app.id = ANY ($2::uuid[]) AND NOT EXISTS (
      SELECT FROM members AS member JOIN users AS person ON person.id = member.user_id
      WHERE member.app_id = app.id AND member.user_id <> $1 AND member.role = 'owner'
        AND person.disabled_at IS NULL)
ORDER BY app.name;

-- name: list_members
-- A page of the members of each of these apps, by e-mail address.
SELECT parent.id AS parent_id, member.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT member.app_id, member.user_id, member.role, person.email
    FROM members AS member JOIN users AS person ON person.id = member.user_id
    WHERE member.app_id = parent.id
      AND ($3::text IS NULL OR person.email > $3)
      AND ($4::text IS NULL OR person.email < $4)
    ORDER BY person.email LIMIT $2
) AS member
ORDER BY member.email;

-- name: list_members_backwards
-- The same pages, read from their end.
SELECT parent.id AS parent_id, member.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT member.app_id, member.user_id, member.role, person.email
    FROM members AS member JOIN users AS person ON person.id = member.user_id
    WHERE member.app_id = parent.id
      AND ($3::text IS NULL OR person.email > $3)
      AND ($4::text IS NULL OR person.email < $4)
    ORDER BY person.email DESC LIMIT $2
) AS member
ORDER BY member.email DESC;
