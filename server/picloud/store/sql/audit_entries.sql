-- name: add_audit_entry
-- Append an entry.
INSERT INTO audit_entries (id, action, actor_id, actor_email, credential, credential_id,
                           address, agent, app_id, app_name, target, before, after)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);
