"""Secrets of apps and scripts in PostgreSQL, where they are only ever sealed.

An owner is an app or a script; both use the app's key.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from picloud.domain.environment import Secret
from picloud.domain.page import Page, PageRequest
from picloud.store.database import Executor
from picloud.store.key_file import KeyFile
from picloud.store.queries import SQL
from picloud.store.rows import list_pages, without_parent
from picloud.store.vault import SEAL_BYTES, Vault, new_data_key, open_data_key


async def vault_of(db: Executor, app_id: UUID, keys: KeyFile, *, now: datetime) -> Vault:
    """An app's vault, with a new key for its first secret; the app must be held.

    Raises `VaultError`.
    """
    row = await db.fetchrow(SQL["find_app_key"], app_id)
    if row is not None:
        data_key = open_data_key(keys, app_id, key_id=row["key_id"], sealed=row["sealed"])
    else:
        await db.execute(SQL["await_rotation"])
        keys.read()  # only now: a rotation may have ended while we waited
        data_key, sealed = new_data_key(keys, app_id)
        await db.execute(SQL["add_app_key"], app_id, keys.id, sealed, now)
    return Vault(app_id=app_id, data_key=data_key)


async def set_secret(
    db: Executor, vault: Vault, secret: Secret, *, value: str, revision: int
) -> None:
    """Seal a value for the app's revision and store it."""
    await db.execute(
        SQL["set_secret"],
        secret.app_id,
        secret.script_id,
        secret.name,
        revision,
        vault.seal(secret.name, revision, value, script_id=secret.script_id),
        secret.hint,
        secret.updated_by,
        secret.updated_at,
    )


async def unset_secrets(db: Executor, owner_id: UUID, names: Sequence[str]) -> set[str]:
    """Forget secrets and return which were there."""
    rows = await db.fetch(SQL["unset_secrets"], owner_id, list(names))
    return {row["name"] for row in rows}


async def names_set(db: Executor, owner_id: UUID, names: Sequence[str]) -> set[str]:
    """Which of these names the owner has secrets of."""
    rows = await db.fetch(SQL["secret_names_set"], owner_id, list(names))
    return {row["name"] for row in rows}


async def measure(db: Executor, owner_id: UUID) -> tuple[int, int]:
    """How many an owner has, and how many bytes their values are together."""
    row = await db.fetchrow(SQL["measure_secrets"], owner_id)
    return (row["count"], row["size"] - SEAL_BYTES * row["count"]) if row else (0, 0)


async def list_secrets(
    db: Executor, owner_ids: Sequence[UUID], request: PageRequest[str]
) -> list[Page[Secret]]:
    """A page of what may be known of each owner's secrets."""
    return await list_pages(
        db, "list_secrets", owner_ids, request, lambda row: Secret(**without_parent(row))
    )
