"""Rotation against a real database: everything opens before, during and after it."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from picloud.domain.environment import Secret
from picloud.domain.ids import IdMaker
from picloud.store import app_settings, rotation, secrets
from picloud.store.app_settings import AppSettings, load_app_settings
from picloud.store.database import Pool
from picloud.store.key_file import KeyFile, VaultError

IDS = IdMaker()
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    """A key file as the first start makes it."""
    made = KeyFile(tmp_path / "secrets.key")
    made.ensure()
    return made


async def app(pool: Pool, name: str) -> UUID:
    """An app with a script of the same id reversed."""
    id = IDS.new()
    await pool.execute("INSERT INTO apps (id, name, created_at) VALUES ($1, $2, $3)", id, name, NOW)
    return id


async def script(pool: Pool, app_id: UUID) -> UUID:
    """A script of an app."""
    id = IDS.new()
    await pool.execute(
        "INSERT INTO scripts (id, app_id, name, created_at) VALUES ($1, $2, 'hello', $3)",
        id,
        app_id,
        NOW,
    )
    return id


async def keep(
    pool: Pool, keys: KeyFile, app_id: UUID, value: str, script_id: UUID | None = None
) -> None:
    """Set the secret KEY, as the use case does."""
    async with pool.acquire() as db, db.transaction():
        revision = await app_settings.raise_revision(db, app_id)
        assert revision is not None
        vault = await secrets.vault_of(db, app_id, keys, now=NOW)
        secret = Secret(
            app_id=app_id,
            script_id=script_id,
            name="KEY",
            hint=None,
            updated_by=None,
            updated_at=NOW,
        )
        await secrets.set_secret(db, vault, secret, value=value, revision=revision)


async def given(pool: Pool, keys: KeyFile, app_id: UUID) -> AppSettings:
    """What nodes read."""
    found = await load_app_settings(pool, app_id, keys)
    assert found is not None
    return found


async def rotate(pool: Pool, keys: KeyFile) -> rotation.Rotation:
    """A rotation on a connection of its own."""
    async with pool.acquire() as db:
        return await rotation.rotate(db, keys, now=NOW)


async def test_everything_opens_with_the_new_key_alone(pool: Pool, keys: KeyFile) -> None:
    one, two = await app(pool, "one"), await app(pool, "two")
    own = await script(pool, one)
    await keep(pool, keys, one, "first")
    await keep(pool, keys, one, "the script's", own)
    await keep(pool, keys, two, "second")
    node, old_id = KeyFile(keys.path), keys.id
    await given(pool, node, one)  # it has read the file before
    before = await pool.fetch("SELECT sealed FROM secrets UNION ALL SELECT sealed FROM app_keys")

    done = await rotate(pool, keys)

    assert (done.apps, done.secrets) == (2, 3)
    assert KeyFile(keys.path).ids == (done.key_id,)
    assert done.key_id != old_id
    after = await pool.fetch("SELECT sealed FROM secrets UNION ALL SELECT sealed FROM app_keys")
    assert not {row["sealed"] for row in before} & {row["sealed"] for row in after}
    settings = await given(pool, node, one)
    assert settings.secrets_of(own) == {"KEY": "the script's"}
    assert settings.secrets_of(IDS.new()) == {"KEY": "first"}
    assert (await given(pool, node, two)).secrets_of(own) == {"KEY": "second"}


async def test_without_secrets_there_is_a_new_key_too(pool: Pool, keys: KeyFile) -> None:
    old_id = keys.id
    done = await rotate(pool, keys)
    assert (done.apps, done.secrets) == (0, 0)
    assert KeyFile(keys.path).ids == (done.key_id,) != (old_id,)


async def test_a_prepared_key_is_used_and_everything_opens_meanwhile(
    pool: Pool, keys: KeyFile
) -> None:
    one = await app(pool, "one")
    await keep(pool, keys, one, "value")
    async with pool.acquire() as db:
        prepared = await rotation.prepare(db, keys)
        assert await rotation.prepare(db, keys) == prepared
    assert KeyFile(keys.path).ids[0] == prepared
    assert (await given(pool, KeyFile(keys.path), one)).secrets_of(one) == {"KEY": "value"}
    assert (await rotate(pool, keys)).key_id == prepared


async def test_one_that_was_cut_off_after_its_commit_is_gone_on_with(
    pool: Pool, keys: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await app(pool, "one")
    await keep(pool, keys, one, "value")
    writes = 0
    write = KeyFile.write

    def cut_off(self: KeyFile, held: list[bytes]) -> None:
        nonlocal writes
        writes += 1
        if writes == 2:
            raise KeyboardInterrupt
        write(self, held)

    monkeypatch.setattr(KeyFile, "write", cut_off)
    with pytest.raises(KeyboardInterrupt):
        await rotate(pool, keys)
    monkeypatch.undo()
    assert len(KeyFile(keys.path).ids) == 2
    assert (await given(pool, KeyFile(keys.path), one)).secrets_of(one) == {"KEY": "value"}
    assert KeyFile(keys.path).ids[0] != (await rotate(pool, keys)).key_id
    assert len(KeyFile(keys.path).ids) == 1


async def test_nothing_is_touched_when_something_does_not_open(pool: Pool, keys: KeyFile) -> None:
    one = await app(pool, "one")
    await keep(pool, keys, one, "value")
    text = keys.path.read_text()
    keys.write([os.urandom(32)])
    with pytest.raises(VaultError, match="sealed with the key"):
        await rotate(pool, keys)
    assert len(KeyFile(keys.path).ids) == 1
    keys.path.write_text(text)
    assert (await given(pool, KeyFile(keys.path), one)).secrets_of(one) == {"KEY": "value"}


async def test_secrets_set_meanwhile_are_kept(pool: Pool, keys: KeyFile) -> None:
    apps = [await app(pool, f"app-{number}") for number in range(8)]
    for id in apps[:4]:
        await keep(pool, keys, id, "before")
    elsewhere = KeyFile(keys.path)
    assert elsewhere.key
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(rotate(pool, KeyFile(keys.path)))
        for id in apps:
            tasks.create_task(keep(pool, elsewhere, id, "during"))
    for id in apps:
        assert (await given(pool, KeyFile(keys.path), id)).secrets_of(id) == {"KEY": "during"}
    assert len(KeyFile(keys.path).ids) == 1
