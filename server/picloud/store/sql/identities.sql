-- name: find_identity
-- The user whom an issuer knows by this subject.
SELECT user_id FROM identities WHERE issuer = $1 AND subject = $2;

-- name: add_identity
-- Link a user to the subject of an issuer, unless either is linked already.
INSERT INTO identities (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING true;
