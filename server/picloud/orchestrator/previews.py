"""Preview addresses: `/.picloud/preview/{script}/{number}/…` answers from one version of a script,
whatever serves, to who sends a token that may invoke it.

Nothing of this is on the way of other requests. Versions are looked up for each preview; tokens are
remembered as for routes (`callers`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from picloud.domain.app import knows
from picloud.domain.endpoint import OPEN
from picloud.domain.failures import NotFound, PermissionDenied, Unauthenticated
from picloud.domain.names import script_name_faults
from picloud.domain.token import TOKEN_PREFIX
from picloud.orchestrator.refusals import AuthUnavailable
from picloud.orchestrator.routing import AppRoutes
from picloud.store import routing
from picloud.store.database import DATABASE_LOST

if TYPE_CHECKING:
    from picloud.domain.limits import Limits
    from picloud.orchestrator.callers import Callers
    from picloud.store.database import Pool
    from picloud.store.routing import RouteRow

PREFIX: Final = "/.picloud/preview/"
_HEADER: Final = b"picloud-token"  # taken from what a script sees as the head is read
_BEARER: Final = b"authorization:bearer pic_"


@dataclass(frozen=True, slots=True)
class Preview:
    """A version that was asked for, and what its script is told of the request."""

    target: RouteRow
    path: str
    params: str
    mount: str


class Previews:
    """Finds versions for those who may see them."""

    def __init__(self, database: Pool, callers: Callers, ceilings: Limits) -> None:
        self._database = database
        self._callers = callers
        self._ceilings = ceilings

    async def find(self, app: str, method: str, raw_path: str, token: str | None) -> Preview:
        """The version behind a preview address of an app.

        Raises `Unauthenticated`, `PermissionDenied`, `AuthUnavailable`, and `NotFound`, also for
        what the token's user may not know of.
        """
        caller = None if token is None else await self._callers.identify(token)
        if caller is None:
            raise Unauthenticated
        script, _, rest = raw_path.removeprefix(PREFIX).partition("/")
        number, _, path = rest.partition("/")
        rows = await self._rows(app, script, number)
        if not rows:
            raise NotFound(kind="version", name=f"{app}/{script}/{number}")
        row = rows[0]
        if not caller.may_invoke(row.app_id, row.script_id):
            if knows(caller.actor, caller.roles.get(row.app_id), app_id=row.app_id):
                raise PermissionDenied
            raise NotFound(kind="version", name=f"{app}/{script}/{number}")
        routes = AppRoutes()
        for each in rows:
            routes.add(each)
        routes.seal()
        _, params, _ = routes.find(method, f"/{path}")
        limits = row.limits.within(self._ceilings)
        return Preview(
            target=replace(row, limits=limits, guard=OPEN, app_rate_limits=()),
            path=f"/{path}",
            params=params,
            mount=f"{PREFIX}{script}/{number}",
        )

    async def _rows(self, app: str, script: str, number: str) -> Sequence[RouteRow]:
        known = not script_name_faults(app) and not script_name_faults(script)
        if not known or not number.isascii() or not number.isdigit() or len(number) > 9:
            return ()
        try:
            return await routing.load_preview(self._database, app, script, int(number))
        except DATABASE_LOST as error:
            said = "Previews need the database, which is away: try again."
            raise AuthUnavailable(said, retry_after=1) from error


def take_token(headers: Iterable[tuple[bytes, bytes]], lines: list[bytes]) -> str | None:
    """The token of a request; the lines its script is to see lose it."""
    found = dict(headers).get(_HEADER)
    for line in list(lines):
        if line[: len(_BEARER)].lower() == _BEARER:
            lines.remove(line)
            found = found or line[len(_BEARER) - len(TOKEN_PREFIX) :]
    return None if found is None else found.strip().decode("latin-1")
