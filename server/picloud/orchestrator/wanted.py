"""What sandboxes are bound with, kept in memory: sources of versions, settings of apps.

The feed fetches them ahead, so that a first request needs no database, nor one that is up.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

from picloud.domain.invocation import Outcome
from picloud.domain.source import Source
from picloud.executor.messages import InvocationFailed
from picloud.store.app_settings import AppSettings, load_app_settings
from picloud.store.key_file import KeyFile
from picloud.store.routing import RouteRow, load_source

if TYPE_CHECKING:
    from picloud.orchestrator.routing import RoutingTable
    from picloud.store.database import Executor, Pool

SOURCES_HELD: Final = 64 * 1024 * 1024  # bytes of sources kept in memory


class Wanted:
    """Sources and settings of what the routing table serves."""

    def __init__(self, database: Pool, key_file: Path) -> None:
        self._database = database
        self._keys = KeyFile(key_file)
        self._sources: dict[UUID, Source] = {}
        self._apps: dict[UUID, AppSettings] = {}
        self._versions: dict[UUID, RouteRow] = {}

    def serve(self, table: RoutingTable) -> None:
        """Forget what a new table no longer serves."""
        self._versions = table.versions
        apps = {row.app_id for row in table.versions.values()}
        self._sources = {k: v for k, v in self._sources.items() if k in table.versions}
        self._apps = {k: v for k, v in self._apps.items() if k in apps}

    def missing(self) -> list[RouteRow]:
        """What serves and is not wholly in memory, or as of an older revision."""
        full = sum(source.size for source in self._sources.values()) >= SOURCES_HELD
        return [
            row
            for row in self._versions.values()
            if self._known(row) is None or (row.version_id not in self._sources and not full)
        ]

    async def learn(self, db: Executor, row: RouteRow) -> None:
        """Fetch what is missing of one version."""
        if self._known(row) is None:
            await self._load_app(db, row)
        if row.version_id not in self._sources:
            source = await load_source(db, row.version_id)
            if source is not None:
                self._sources[row.version_id] = source

    async def source(self, version_id: UUID) -> Source:
        """A version's source. Raises InvocationFailed when it is gone."""
        source = self._sources.get(version_id)
        if source is None:
            source = await load_source(self._database, version_id)
        if source is None:
            raise _gone("version")
        return source

    async def app(self, row: RouteRow) -> AppSettings:
        """The settings of a version's app, of its route's revision or a later one.

        Raises InvocationFailed when the app is gone, VaultError when secrets do not open.
        """
        found = self._known(row) or await self._load_app(self._database, row)
        if found is None:
            raise _gone("app")
        return found

    def _known(self, row: RouteRow) -> AppSettings | None:
        found = self._apps.get(row.app_id)
        return found if found is not None and found.revision >= row.app_revision else None

    async def _load_app(self, db: Executor, row: RouteRow) -> AppSettings | None:
        found = await load_app_settings(db, row.app_id, self._keys)
        if found is not None:
            self._apps[row.app_id] = found
        return found


def _gone(what: str) -> InvocationFailed:
    return InvocationFailed(Outcome.PLATFORM_ERROR, "sandbox_unavailable", f"the {what} is gone")
