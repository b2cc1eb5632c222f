-- name: add_audit_entry
-- Append an entry.
INSERT INTO audit_entries (id, action, actor_id, actor_email, credential, credential_id,
                           address, agent, app_id, app_name, target, before, after)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: list_audit_entries
-- A page of all entries, oldest first.
SELECT entry.id, entry.action, entry.actor_id, entry.actor_email, entry.credential,
       entry.credential_id, entry.address, entry.agent, entry.app_id, entry.app_name,
       entry.target, entry.before, entry.after
FROM audit_entries AS entry
WHERE ($2::uuid IS NULL OR entry.id > $2)
  AND ($3::uuid IS NULL OR entry.id < $3)
  AND ($4::text IS NULL OR entry.actor_email = $4)
  AND ($5::text IS NULL OR entry.action = $5)
  AND ($6::text IS NULL OR entry.target = $6)
  AND ($7::uuid IS NULL OR entry.id >= $7)
  AND ($8::uuid IS NULL OR entry.id < $8)
ORDER BY entry.id LIMIT $1;

-- name: list_audit_entries_backwards
-- The same page, read from its end.
SELECT entry.id, entry.action, entry.actor_id, entry.actor_email, entry.credential,
       entry.credential_id, entry.address, entry.agent, entry.app_id, entry.app_name,
       entry.target, entry.before, entry.after
FROM audit_entries AS entry
WHERE ($2::uuid IS NULL OR entry.id > $2)
  AND ($3::uuid IS NULL OR entry.id < $3)
  AND ($4::text IS NULL OR entry.actor_email = $4)
  AND ($5::text IS NULL OR entry.action = $5)
  AND ($6::text IS NULL OR entry.target = $6)
  AND ($7::uuid IS NULL OR entry.id >= $7)
  AND ($8::uuid IS NULL OR entry.id < $8)
ORDER BY entry.id DESC LIMIT $1;

-- name: list_app_audit_entries
-- A page of the entries about each of these apps, oldest first.
SELECT parent.id AS parent_id, entry.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT entry.id, entry.action, entry.actor_id, entry.actor_email, entry.credential,
           entry.credential_id, entry.address, entry.agent, entry.app_id, entry.app_name,
           entry.target, entry.before, entry.after
    FROM audit_entries AS entry
    WHERE entry.app_id = parent.id
      AND ($3::uuid IS NULL OR entry.id > $3)
      AND ($4::uuid IS NULL OR entry.id < $4)
      AND ($5::text IS NULL OR entry.actor_email = $5)
      AND ($6::text IS NULL OR entry.action = $6)
      AND ($7::text IS NULL OR entry.target = $7)
      AND ($8::uuid IS NULL OR entry.id >= $8)
      AND ($9::uuid IS NULL OR entry.id < $9)
    ORDER BY entry.id LIMIT $2
) AS entry
ORDER BY entry.id;

-- name: list_app_audit_entries_backwards
-- The same pages, read from their end.
SELECT parent.id AS parent_id, entry.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT entry.id, entry.action, entry.actor_id, entry.actor_email, entry.credential,
           entry.credential_id, entry.address, entry.agent, entry.app_id, entry.app_name,
           entry.target, entry.before, entry.after
    FROM audit_entries AS entry
    WHERE entry.app_id = parent.id
      AND ($3::uuid IS NULL OR entry.id > $3)
      AND ($4::uuid IS NULL OR entry.id < $4)
      AND ($5::text IS NULL OR entry.actor_email = $5)
      AND ($6::text IS NULL OR entry.action = $6)
      AND ($7::text IS NULL OR entry.target = $7)
      AND ($8::uuid IS NULL OR entry.id >= $8)
      AND ($9::uuid IS NULL OR entry.id < $9)
    ORDER BY entry.id DESC LIMIT $2
) AS entry
ORDER BY entry.id DESC;
