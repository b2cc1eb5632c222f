"""Who is asking: the actor behind the token of a session or an API token."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from picloud.domain.session import SESSION_PREFIX, Session
from picloud.domain.token import TOKEN_PREFIX, is_token
from picloud.domain.user import Actor, Client, SessionGrant
from picloud.manager.clock import Clock
from picloud.store import sessions, tokens
from picloud.store.database import Executor, Pool

_SESSION: Final = re.compile(re.escape(SESSION_PREFIX) + r"[A-Za-z0-9_-]{43}")


class Identity:
    """Looks up what a request brings along."""

    def __init__(self, *, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def identify(self, secret: str | None, client: Client) -> Actor | None:
        """Who this belongs to; a text that can't be a token asks no database."""
        if secret is None:
            return None
        if _SESSION.fullmatch(secret):
            return await self._by_session(secret, client)
        if secret.startswith(TOKEN_PREFIX) and is_token(secret):
            return await self._by_token(secret, client)
        return None

    async def _by_session(self, secret: str, client: Client) -> Actor | None:
        now = self._clock()
        found = await sessions.find_session(self._pool, secret_hash(secret), now)
        if found is None:
            return None
        user, session = found
        await sessions.note_use(self._pool, session, now=now, client=client)
        return Actor(user=user, credential=_grant(session), client=client)

    async def _by_token(self, secret: str, client: Client) -> Actor | None:
        now = self._clock()
        found = await tokens.find_token(self._pool, secret_hash(secret), now)
        if found is None:
            return None
        await tokens.note_use(self._pool, found.token, now)
        return Actor(user=found.user, credential=found.token.grant, client=client)


async def look_again(db: Executor, actor: Actor, clock: Clock) -> Actor | None:
    """The actor as they are now, None when the session or token does not stand any more."""
    if isinstance(actor.credential, SessionGrant):
        found = await sessions.get_session(db, actor.credential.id, clock())
        if found is None:
            return None
        return Actor(user=found[0], credential=_grant(found[1]), client=actor.client)
    row = await tokens.get_standing_token(db, actor.credential.id, clock())
    if row is None:
        return None
    return Actor(user=row.user, credential=row.token.grant, client=actor.client)


def _grant(session: Session) -> SessionGrant:
    return SessionGrant(id=session.id, expires_at=session.expires_at)


def secret_hash(secret: str) -> bytes:
    """What the database keeps of a token: they are random, so a fast hash is enough."""
    return hashlib.sha256(secret.encode()).digest()
