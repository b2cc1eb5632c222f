"""What an app gives to its scripts: env, secrets and egress policy, as of one revision."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from picloud.domain.egress import EgressMode, EgressPolicy
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.vault import KeyFile, Vault, open_data_key


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSettings:
    """Read in one statement, so that the parts belong together."""

    revision: int
    env: dict[str, str]
    secrets: dict[str, str] = field(repr=False)
    egress: EgressPolicy


async def load_app_settings(db: Executor, app_id: UUID, keys: KeyFile) -> AppSettings | None:
    """The settings of an app, None when it is gone; raises `VaultError` for secrets only."""
    row = await db.fetchrow(SQL["load_app_settings"], app_id)
    if row is None:
        return None
    return AppSettings(
        revision=row["revision"],
        env=dict(zip(row["env_names"], row["env_values"], strict=True)),
        secrets=_open_secrets(row, app_id, keys) if row["secret_names"] else {},
        egress=egress_of(row["egress"]),
    )


def egress_of(text: str) -> EgressPolicy:
    """A policy as the database keeps it."""
    stored = json.loads(text)
    return EgressPolicy(EgressMode(stored["mode"]), tuple(stored["allow"]))


def _open_secrets(row: asyncpg.Record, app_id: UUID, keys: KeyFile) -> dict[str, str]:
    data_key = open_data_key(keys, app_id, key_id=row["key_id"], sealed=row["sealed_key"])
    vault = Vault(app_id=app_id, data_key=data_key)
    secrets = zip(row["secret_names"], row["secret_revisions"], row["sealed"], strict=True)
    return {name: vault.open(name, revision, sealed) for name, revision, sealed in secrets}
