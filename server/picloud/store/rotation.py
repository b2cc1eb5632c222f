"""Rotation: new keys for all secrets, those of apps and the one outside the database.

The file holds the new key above the old one before anything is sealed with it, and the old one
until nothing is: whenever this is interrupted, every secret opens, and the next call goes on.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import asyncpg

from picloud.store.key_file import KEY_BYTES, KeyFile, fingerprint
from picloud.store.queries import SQL
from picloud.store.vault import Vault, new_data_key, open_data_key

if TYPE_CHECKING:
    from picloud.store.database import Connection, PoolConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What was done."""

    key_id: str  # of the key that seals
    apps: int
    secrets: int


async def prepare(db: Connection | PoolConnection, keys: KeyFile) -> str:
    """Put a new key into the file, above those in use, and return its fingerprint.

    A key there that nothing is sealed with is the new one already. Raises `VaultError`.
    """
    async with db.transaction():
        await db.execute(SQL["begin_rotation"])
        return await _new_key(db, keys)


async def rotate(db: Connection | PoolConnection, keys: KeyFile, *, now: datetime) -> Rotation:
    """Seal everything anew with the new key, then forget the old ones. Raises `VaultError`."""
    async with db.transaction():
        await db.execute(SQL["hold_for_rotation"])
        await db.execute(SQL["begin_rotation"])
        key_id = await _new_key(db, keys)
        rows = await db.fetch(SQL["list_app_keys"])
        secrets = [await _reseal(db, keys, row, now=now) for row in rows]
    async with db.transaction():  # only what is committed lets an old key go
        await db.execute(SQL["begin_rotation"])
        used = {row["key_id"] for row in await db.fetch(SQL["list_app_keys"])}
        keys.write([key for key in keys.read() if fingerprint(key) in used | {key_id}])
    return Rotation(key_id=key_id, apps=len(rows), secrets=sum(secrets))


async def _new_key(db: Connection | PoolConnection, keys: KeyFile) -> str:
    held = keys.read()
    used = {row["key_id"] for row in await db.fetch(SQL["list_app_keys"])}
    for key_id in used:
        keys.key_of(key_id)  # what does not open now would be lost
    if len(held) == 1 or keys.id in used:
        keys.write([os.urandom(KEY_BYTES), *held])
    return keys.id


async def _reseal(
    db: Connection | PoolConnection, keys: KeyFile, row: asyncpg.Record, *, now: datetime
) -> int:
    """Give one app a new data key; how many secrets it has."""
    app_id = row["app_id"]
    data_key = open_data_key(keys, app_id, key_id=row["key_id"], sealed=row["sealed"])
    old = Vault(app_id=app_id, data_key=data_key)
    data_key, sealed = new_data_key(keys, app_id)
    new = Vault(app_id=app_id, data_key=data_key)
    await db.execute(SQL["replace_app_key"], app_id, keys.id, sealed, now)
    secrets = await db.fetch(SQL["list_sealed"], app_id)
    for each in secrets:
        name, revision, script_id = each["name"], each["revision"], each["script_id"]
        value = old.open(name, revision, each["sealed"], script_id=script_id)
        again = new.seal(name, revision, value, script_id=script_id)
        await db.execute(SQL["reseal_secret"], each["owner_id"], name, again)
    return len(secrets)
