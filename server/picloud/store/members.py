"""Members of apps in PostgreSQL, and the rule that every app has an owner.

Whoever changes the members of an app holds it first (`quotas.hold_app`, `lock_owned_apps`), so two
owners who remove each other at once wait for one another, and the second is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from picloud.domain.app import AppRole
from picloud.domain.failures import LastOwner
from picloud.domain.member import Member
from picloud.domain.page import Page, PageRequest
from picloud.store.database import Executor
from picloud.store.queries import SQL
from picloud.store.rows import list_pages


async def set_role(db: Executor, *, app_id: UUID, user_id: UUID, role: AppRole) -> bool:
    """Change a member's role; False when there is no such member."""
    return await db.fetchval(SQL["set_member_role"], app_id, user_id, role) is not None


async def remove_member(db: Executor, *, app_id: UUID, user_id: UUID) -> bool:
    """Take a user's place away; False when there was none."""
    return await db.fetchval(SQL["remove_member"], app_id, user_id) is not None


async def demote_owners(db: Executor, *, app_id: UUID, but: UUID) -> list[UUID]:
    """Make editors of all owners but one, and return who they are."""
    return [row["user_id"] for row in await db.fetch(SQL["demote_owners"], app_id, but)]


async def require_owner(db: Executor, *, app_id: UUID, app_name: str) -> None:
    """Raise `LastOwner` when an app that is held has no owner left."""
    if not await db.fetchval(SQL["count_owners"], app_id):
        raise LastOwner(apps=[app_name])


async def require_other_owners(db: Executor, user_id: UUID) -> None:
    """Raise `LastOwner` when a user who is about to go is the only owner of an app.

    Call it in the transaction that deletes or disables the user: it holds the user's apps.
    """
    owned = [row["id"] for row in await db.fetch(SQL["lock_owned_apps"], user_id)]
    alone = await db.fetch(SQL["apps_without_other_owner"], user_id, owned)
    if alone:
        raise LastOwner(apps=[row["name"] for row in alone])


async def list_members(
    db: Executor, app_ids: Sequence[UUID], request: PageRequest[str]
) -> list[Page[Member]]:
    """A page of each app's members, by e-mail address."""
    return await list_pages(db, "list_members", app_ids, request, _member)


def _member(row: asyncpg.Record) -> Member:
    return Member(
        app_id=row["app_id"],
        user_id=row["user_id"],
        email=row["email"],
        role=AppRole(row["role"]),
    )
