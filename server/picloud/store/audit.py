"""The audit log in PostgreSQL, which refuses to change or delete what is in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

import asyncpg

from picloud.domain.audit import (
    AuditAction,
    AuditActor,
    AuditEntry,
    AuditFilter,
    CredentialKind,
    Details,
)
from picloud.domain.page import Page, PageRequest
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.rows import list_page, list_pages


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


async def list_entries(
    db: Executor, request: PageRequest[UUID], wanted: AuditFilter
) -> Page[AuditEntry]:
    """A page of all entries."""
    return await list_page(db, "list_audit_entries", request, _entry, *_conditions(wanted))


async def list_app_entries(
    db: Executor, app_ids: Sequence[UUID], request: PageRequest[UUID], wanted: AuditFilter
) -> list[Page[AuditEntry]]:
    """A page of the entries about each app."""
    return await list_pages(
        db, "list_app_audit_entries", app_ids, request, _entry, *_conditions(wanted)
    )


def _conditions(wanted: AuditFilter) -> tuple[object, ...]:
    return wanted.actor, wanted.action, wanted.target, wanted.first_id, wanted.end_id


def _entry(row: asyncpg.Record) -> AuditEntry:
    actor = None
    if row["actor_id"] is not None:
        actor = AuditActor(
            user_id=row["actor_id"],
            email=row["actor_email"],
            credential=CredentialKind(row["credential"]),
            credential_id=row["credential_id"],
        )
    return AuditEntry(
        id=row["id"],
        action=AuditAction(row["action"]),
        actor=actor,
        address=row["address"],
        agent=row["agent"],
        app_id=row["app_id"],
        app_name=row["app_name"],
        target=row["target"],
        before=_details(row["before"]),
        after=_details(row["after"]),
    )


def _details(text: str | None) -> Details | None:
    return None if text is None else json.loads(text)


def _json(details: Details | None) -> str | None:
    return None if details is None else json.dumps(details)
