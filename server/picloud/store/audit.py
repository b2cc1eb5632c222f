"""The audit log in PostgreSQL, which refuses to change or delete what is in it."""

from __future__ import annotations

import json

from picloud.domain.audit import AuditEntry, Details
from picloud.store.database import Executor
from picloud.store.queries import SQL


async def add_entry(db: Executor, entry: AuditEntry) -> None:
    """Append an entry, in the transaction of the change it speaks of."""
    actor = entry.actor
    await db.execute(
        SQL["add_audit_entry"],
        entry.id,
        entry.action,
        actor.user_id if actor else None,
        actor.email if actor else None,
        actor.credential if actor else None,
        actor.credential_id if actor else None,
        entry.address,
        entry.agent,
        entry.app_id,
        entry.app_name,
        entry.target,
        _json(entry.before),
        _json(entry.after),
    )


def _json(details: Details | None) -> str | None:
    return None if details is None else json.dumps(details)
