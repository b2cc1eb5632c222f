-- name: add_invitation
-- Store an invitation in the place of an earlier one to the same address.
INSERT INTO invitations
    (id, email, role, app_id, app_role, token_hash, created_by, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (email) DO UPDATE SET
    id = excluded.id, role = excluded.role, app_id = excluded.app_id, app_role = excluded.app_role,
    token_hash = excluded.token_hash, created_by = excluded.created_by,
    created_at = excluded.created_at, expires_at = excluded.expires_at;

-- name: take_invitation
-- Take an open invitation away by its token, for the address it was made for.
DELETE FROM invitations WHERE token_hash = $1 AND email = $2 AND expires_at > $3
RETURNING id, email, role, app_id, app_role, created_by, created_at, expires_at;

-- name: take_invitation_of_email
-- Take the open invitation of an address away.
DELETE FROM invitations WHERE email = $1 AND expires_at > $2
RETURNING id, email, role, app_id, app_role, created_by, created_at, expires_at;

-- name: delete_invitation
-- Take an invitation away unused.
DELETE FROM invitations WHERE id = $1
RETURNING id, email, role, app_id, app_role, created_by, created_at, expires_at;

-- name: delete_expired_invitations
-- Forget what ran out.
DELETE FROM invitations WHERE expires_at <= $1;

-- name: get_invitations
-- Invitations by id.
SELECT id, email, role, app_id, app_role, created_by, created_at, expires_at
FROM invitations WHERE id = ANY ($1::uuid[]);

-- name: list_invitations
-- A page of the open invitations, by address.
SELECT id, email, role, app_id, app_role, created_by, created_at, expires_at
FROM invitations
WHERE expires_at > $4
  AND ($2::text IS NULL OR email > $2)
  AND ($3::text IS NULL OR email < $3)
ORDER BY email LIMIT $1;

-- name: list_invitations_backwards
-- The same page, read from its end.
SELECT id, email, role, app_id, app_role, created_by, created_at, expires_at
FROM invitations
WHERE expires_at > $4
  AND ($2::text IS NULL OR email > $2)
  AND ($3::text IS NULL OR email < $3)
ORDER BY email DESC LIMIT $1;
