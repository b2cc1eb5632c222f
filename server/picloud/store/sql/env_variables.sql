-- name: set_env_variable
-- Give a variable a value.
INSERT INTO env_variables AS variable (app_id, script_id, name, value, updated_by, updated_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT ON CONSTRAINT env_variable_pkey DO UPDATE
SET value = excluded.value, updated_by = excluded.updated_by, updated_at = excluded.updated_at;

-- name: unset_env_variables
-- Forget variables; the rows are those that were there.
DELETE FROM env_variables WHERE owner_id = $1 AND name = ANY ($2::text[]) RETURNING name;

-- name: measure_env_variables
-- How many variables an app or a script has, and how many bytes their values are.
SELECT count(*) AS count, coalesce(sum(octet_length(value)), 0)::bigint AS size
FROM env_variables WHERE owner_id = $1;

-- name: list_env_variables
-- A page of the variables of each of these apps or scripts, by name.
SELECT parent.id AS parent_id, item.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT item.app_id, item.script_id, item.name, item.value, item.updated_by, item.updated_at
    FROM env_variables AS item
    WHERE item.owner_id = parent.id
      AND ($3::text IS NULL OR item.name > $3)
      AND ($4::text IS NULL OR item.name < $4)
    ORDER BY item.name LIMIT $2
) AS item
ORDER BY item.name;

-- name: list_env_variables_backwards
-- The same pages, read from their end.
SELECT parent.id AS parent_id, item.*
FROM unnest($1::uuid[]) AS parent (id)
CROSS JOIN LATERAL (
    SELECT item.app_id, item.script_id, item.name, item.value, item.updated_by, item.updated_at
    FROM env_variables AS item
    WHERE item.owner_id = parent.id
      AND ($3::text IS NULL OR item.name > $3)
      AND ($4::text IS NULL OR item.name < $4)
    ORDER BY item.name DESC LIMIT $2
) AS item
ORDER BY item.name DESC;

-- name: env_variable_names_set
-- Which of these names an app or a script has variables of.
SELECT name FROM env_variables WHERE owner_id = $1 AND name = ANY ($2::text[]);
