"""What an app gives to its scripts: env, secrets and egress policy, as of one revision."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg

from picloud.domain.egress import EgressMode, EgressPolicy
from picloud.store.database import Executor
from picloud.store.key_file import KeyFile
from picloud.store.queries import SQL
from picloud.store.rows import get_many
from picloud.store.vault import Vault, open_data_key

Values = dict[UUID | None, dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSettings:
    """Read in one statement, so that the parts belong together.

    Values are by script, those of the whole app under None.
    """

    revision: int
    env: Values
    secrets: Values = field(repr=False)
    egress: EgressPolicy

    def env_of(self, script_id: UUID) -> dict[str, str]:
        """What a script reads as `pic.env`: its own values win over its app's."""
        return {**self.env.get(None, {}), **self.env.get(script_id, {})}

    def secrets_of(self, script_id: UUID) -> dict[str, str]:
        """What a script reads as `pic.secrets`, alike."""
        return {**self.secrets.get(None, {}), **self.secrets.get(script_id, {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """An app's egress policy and who set it; never set: no time."""

    policy: EgressPolicy
    updated_by: UUID | None
    updated_at: datetime | None


async def load_app_settings(db: Executor, app_id: UUID, keys: KeyFile) -> AppSettings | None:
    """The settings of an app, None when it is gone; raises `VaultError` for secrets only."""
    row = await db.fetchrow(SQL["load_app_settings"], app_id)
    if row is None:
        return None
    return AppSettings(
        revision=row["revision"],
        env=_by_script(row["env_scripts"], row["env_names"], row["env_values"]),
        secrets=_open_secrets(row, app_id, keys) if row["secret_names"] else {},
        egress=_policy(row["egress"]),
    )


async def raise_revision(db: Executor, app_id: UUID) -> int | None:
    """Begin a change of an app's settings: hold the app, return its new revision.

    None when it is gone. Sandboxes of an older revision are retired.
    """
    revision: int | None = await db.fetchval(SQL["raise_revision"], app_id)
    return revision


async def set_egress(db: Executor, app_id: UUID, egress: Egress) -> None:
    """Where the scripts of an app may connect to."""
    policy = json.dumps({"mode": egress.policy.mode, "allow": egress.policy.allow})
    await db.execute(SQL["set_egress"], app_id, policy, egress.updated_by, egress.updated_at)


async def get_egress(db: Executor, app_ids: Sequence[UUID]) -> list[Egress | None]:
    """The egress policies of apps in the order of the ids."""
    return await get_many(db, "get_egress", app_ids, _egress)


async def sealing_key(db: Executor) -> str | None:
    """The fingerprint of the key that sealed what secrets there are, None when there are none."""
    key_id: str | None = await db.fetchval(SQL["any_app_key"])
    return key_id


def _egress(row: asyncpg.Record) -> Egress:
    return Egress(
        policy=_policy(row["egress"]),
        updated_by=row["egress_updated_by"],
        updated_at=row["egress_updated_at"],
    )


def _policy(text: str) -> EgressPolicy:
    stored = json.loads(text)
    return EgressPolicy(EgressMode(stored["mode"]), tuple(stored["allow"]))


def _by_script(
    scripts: Sequence[UUID | None], names: Sequence[str], values: Sequence[str]
) -> Values:
    found: Values = {}
    for script, name, value in zip(scripts, names, values, strict=True):
        found.setdefault(script, {})[name] = value
    return found


def _open_secrets(row: asyncpg.Record, app_id: UUID, keys: KeyFile) -> Values:
    data_key = open_data_key(keys, app_id, key_id=row["key_id"], sealed=row["sealed_key"])
    vault = Vault(app_id=app_id, data_key=data_key)
    scripts, names = row["secret_scripts"], row["secret_names"]
    sealed = zip(scripts, names, row["secret_revisions"], row["sealed"], strict=True)
    opened = [
        vault.open(name, revision, seal, script_id=script)
        for script, name, revision, seal in sealed
    ]
    return _by_script(scripts, names, opened)
