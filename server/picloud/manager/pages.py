"""Lists of many parents at once: the same page of each parent's list is one statement."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

from picloud.domain.audit import AuditFilter
from picloud.domain.deployment import Deployment
from picloud.domain.invocation import Invocation
from picloud.domain.log_record import LogRecord
from picloud.domain.page import LivePosition, Page, PageRequest
from picloud.store import (
    audit,
    deletions,
    deployments,
    env_variables,
    members,
    records,
    routes,
    scripts,
    secrets,
    tokens,
    versions,
)
from picloud.store.database import Executor, Pool, PoolConnection
from picloud.store.records import Feed

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ListQuery:
    """One parent's list and what is wanted of it."""

    parent: UUID
    request: PageRequest[Any]
    level: int = 0
    live: bool = False
    only: UUID | None = None
    audit: AuditFilter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePage(Generic[T]):
    """A page of records and, if asked for, where a tail goes on after it."""

    page: Page[T]
    position: LivePosition | None


InvocationPage = LivePage[Invocation]
LogPage = LivePage[LogRecord]
DeploymentPage = LivePage[Deployment]
_ReadPages = Callable[[Executor, Sequence[UUID], ListQuery], Awaitable[Sequence[Page[T]]]]


class PageReader:
    """The loaders of one operation."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.scripts = DataLoader(
            self._batch(
                lambda db, ids, query: scripts.list_scripts(db, ids, query.request, only=query.only)
            )
        )
        self.deleted_scripts = DataLoader(
            self._batch(
                lambda db, ids, query: deletions.list_deleted_scripts(db, ids, query.request)
            )
        )
        self.members = DataLoader(
            self._batch(lambda db, ids, query: members.list_members(db, ids, query.request))
        )
        self.versions = DataLoader(
            self._batch(lambda db, ids, query: versions.list_versions(db, ids, query.request))
        )
        self.routes = DataLoader(
            self._batch(lambda db, ids, query: routes.list_routes(db, ids, query.request))
        )
        self.deployments = DataLoader(self._live(deployments.DEPLOYMENTS, _deployments))
        self.env_variables = DataLoader(
            self._batch(lambda db, ids, query: env_variables.list_variables(db, ids, query.request))
        )
        self.secrets = DataLoader(
            self._batch(lambda db, ids, query: secrets.list_secrets(db, ids, query.request))
        )
        self.user_tokens = DataLoader(
            self._batch(lambda db, ids, query: tokens.list_user_tokens(db, ids, query.request))
        )
        self.app_audit = DataLoader(
            self._batch(
                lambda db, ids, query: audit.list_app_entries(
                    db, ids, query.request, query.audit or AuditFilter()
                )
            )
        )
        self.app_tokens = DataLoader(
            self._batch(lambda db, ids, query: tokens.list_app_tokens(db, ids, query.request))
        )
        self.invocations = DataLoader(self._live(records.INVOCATIONS, _invocations))
        self.log_records = DataLoader(self._live(records.LOG_RECORDS, _log_records))
        self.invocation_logs = DataLoader(self._live(records.LOG_RECORDS, _invocation_logs))

    def _batch(
        self, read: _ReadPages[T]
    ) -> Callable[[list[ListQuery]], Awaitable[Sequence[Page[T]]]]:
        async def load(queries: list[ListQuery]) -> Sequence[Page[T]]:
            found: dict[ListQuery, Page[T]] = {}
            for shape, parents in _grouped(queries).items():
                pages = await read(self._pool, parents, shape)
                found |= _by_query(shape, parents, pages)
            return [found[query] for query in queries]

        return load

    def _live(
        self, feed: Feed[T], read: _ReadPages[T]
    ) -> Callable[[list[ListQuery]], Awaitable[Sequence[LivePage[T]]]]:
        async def load(queries: list[ListQuery]) -> Sequence[LivePage[T]]:
            found: dict[ListQuery, LivePage[T]] = {}
            for shape, parents in _grouped(queries).items():
                position = None
                if shape.live:
                    async with self._snapshot() as db:
                        position = await feed.position(db)
                        pages = await read(db, parents, shape)
                else:
                    pages = await read(self._pool, parents, shape)
                live = [LivePage(page=page, position=position) for page in pages]
                found |= _by_query(shape, parents, live)
            return [found[query] for query in queries]

        return load

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[PoolConnection]:
        """One view of the database, so that a page and the tail after it fit without a seam."""
        async with (
            self._pool.acquire() as db,
            db.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield db


def _grouped(queries: Sequence[ListQuery]) -> dict[ListQuery, list[UUID]]:
    """The parents by what is wanted of their lists."""
    groups: dict[ListQuery, list[UUID]] = {}
    for query in queries:
        groups.setdefault(replace(query, parent=UUID(int=0)), []).append(query.parent)
    return groups


def _by_query(shape: ListQuery, parents: Sequence[UUID], values: Sequence[T]) -> dict[ListQuery, T]:
    keys = [replace(shape, parent=parent) for parent in parents]
    return dict(zip(keys, values, strict=True))


async def _invocations(
    db: Executor, parents: Sequence[UUID], query: ListQuery
) -> Sequence[Page[Invocation]]:
    return await records.list_invocations(db, parents, query.request)


async def _log_records(
    db: Executor, parents: Sequence[UUID], query: ListQuery
) -> Sequence[Page[LogRecord]]:
    return await records.list_log_records(db, parents, query.request, level=query.level)


async def _invocation_logs(
    db: Executor, parents: Sequence[UUID], query: ListQuery
) -> Sequence[Page[LogRecord]]:
    return await records.list_invocation_logs(db, parents, query.request, level=query.level)


async def _deployments(
    db: Executor, parents: Sequence[UUID], query: ListQuery
) -> Sequence[Page[Deployment]]:
    return await deployments.list_deployments(db, parents, query.request)
