"""Who calls with a token or a session of the platform, as far as a node must know.

What the database said is kept for a few seconds and dropped at every change of rights
(`picloud_access`). Nothing here runs unless somebody calls with credentials.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from picloud.domain.app import AppRole, Permission, may
from picloud.domain.session import SESSION_PREFIX
from picloud.domain.token import is_token
from picloud.domain.user import Actor, Client, SessionGrant
from picloud.orchestrator.refusals import AuthUnavailable
from picloud.store import apps, sessions, tokens
from picloud.store.database import DATABASE_LOST

if TYPE_CHECKING:
    from picloud.store.database import Pool

KNOWN_SECONDS: Final = 5.0  # longer nobody is believed without asking again
_REMEMBERED: Final = 4096
_MAX_SESSION_TOKEN: Final = 256  # characters
_HERE: Final = Client(address="", agent="node")


@dataclass(frozen=True, slots=True)
class Caller:
    """A token or session that stands: who asks with it, and the places they have in apps."""

    actor: Actor
    roles: Mapping[UUID, AppRole]
    expires_at: datetime | None

    def may_invoke(self, app_id: UUID, script_id: UUID) -> bool:
        """Whether they may call this script of this app."""
        role = self.roles.get(app_id)
        return may(self.actor, role, Permission.INVOKE, app_id=app_id, script_id=script_id)


_Find = Callable[["Pool", bytes], Awaitable[Caller | None]]


class Callers:
    """Finds out who calls, with a memory of `KNOWN_SECONDS`."""

    def __init__(self, database: Pool) -> None:
        self._database = database
        self._known: dict[bytes, tuple[float, Caller | None]] = {}
        self._changes = 0
        self._asking = asyncio.Lock()

    async def identify(self, token: str) -> Caller | None:
        """Whose API token this is, None when it is nobody's. Raises AuthUnavailable."""
        return await self._find(token, _find_token) if is_token(token) else None

    async def identify_session(self, token: str) -> Caller | None:
        """Whose session this is, None when it is nobody's. Raises AuthUnavailable."""
        if not token.startswith(SESSION_PREFIX) or len(token) > _MAX_SESSION_TOKEN:
            return None
        return await self._find(token, _find_session)

    def forget(self) -> None:
        """Rights have changed, or may have while nobody listened."""
        self._changes += 1
        self._known.clear()

    async def _find(self, token: str, find: _Find) -> Caller | None:
        key = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        known = self._remembered(key)
        if known is None:
            async with self._asking:  # of many who call with one token at once, one asks
                known = self._remembered(key) or await self._ask(key, find)
        caller = known[1]
        if caller and caller.expires_at and caller.expires_at <= datetime.now(UTC):
            return None
        return caller

    def _remembered(self, key: bytes) -> tuple[float, Caller | None] | None:
        known = self._known.get(key)
        return known if known and time.monotonic() - known[0] < KNOWN_SECONDS else None

    async def _ask(self, key: bytes, find: _Find) -> tuple[float, Caller | None]:
        changes = self._changes
        known = (time.monotonic(), await self._ask_database(key, find))
        if changes == self._changes:  # else the answer may be of before the change
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = known
        return known

    async def _ask_database(self, key: bytes, find: _Find) -> Caller | None:
        try:
            return await find(self._database, key)
        except DATABASE_LOST as error:
            said = "Tokens and sessions can't be checked at the moment: try again."
            raise AuthUnavailable(said, retry_after=1) from error


async def _find_token(database: Pool, token_hash: bytes) -> Caller | None:
    now = datetime.now(UTC)
    row = await tokens.find_token(database, token_hash, now)
    if row is None:
        return None
    await tokens.note_use(database, row.token, now)
    actor = Actor(user=row.user, credential=row.token.grant, client=_HERE)
    roles = await apps.roles_of(database, row.user.id)
    return Caller(actor, roles, row.token.expires_at)


async def _find_session(database: Pool, token_hash: bytes) -> Caller | None:
    found = await sessions.find_session(database, token_hash, datetime.now(UTC))
    if found is None:
        return None
    user, session = found
    grant = SessionGrant(id=session.id, expires_at=session.expires_at)
    actor = Actor(user=user, credential=grant, client=_HERE)
    return Caller(actor, await apps.roles_of(database, user.id), session.expires_at)
