"""The websockets that are open: how many, whose, and with how many operations each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
)

from picloud.manager.graphql.context import Context

if TYPE_CHECKING:
    from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
        ConnectionInitMessage,
        SubscribeMessage,
    )

TOO_MANY = 4429  # the close code of the protocol for it


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketLimits:
    """How much may be open at a time, by the names of the settings."""

    sockets: int = 2_000  # of the whole manager, those that have not told their user included
    max_sockets_per_user: int = 20
    max_subscriptions_per_socket: int = 50
    max_subscriptions_per_user: int = 200


class SocketRefused(Exception):  # noqa: N818 - a reason to close rather than an error
    """A websocket is closed again."""


class Sockets:
    """Those that are open; one for the whole manager."""

    def __init__(self, limits: SocketLimits) -> None:
        self._limits = limits
        self.open: set[SocketHandler] = set()

    @property
    def full(self) -> bool:
        """Whether no further one may be opened."""
        return len(self.open) >= self._limits.sockets

    def check_user(self, user: UUID) -> None:
        """Raise `SocketRefused` if the websocket that has just told its user is one too many."""
        limit = self._limits.max_sockets_per_user
        if len(self._of(user)) > limit:
            raise SocketRefused(
                f"The limit is {limit} websockets at a time (max_sockets_per_user)."
            )

    def refusal(self, handler: SocketHandler) -> str | None:
        """Why this websocket may have no further operation; None: it may."""
        actor = handler.context.actor
        mine = self._of(actor.user.id) if actor else [handler]
        here, everywhere = len(handler.operations), sum(len(each.operations) for each in mine)
        if here >= (limit := self._limits.max_subscriptions_per_socket):
            name = "max_subscriptions_per_socket"
        elif everywhere >= (limit := self._limits.max_subscriptions_per_user):
            name = "max_subscriptions_per_user"
        else:
            return None
        return f"The limit is {limit} operations at a time ({name})."

    def _of(self, user: UUID) -> list[SocketHandler]:
        known = ((each, each.context.actor) for each in self.open)
        return [handler for handler, actor in known if actor and actor.user.id == user]


class SocketHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """One websocket. It is closed when it sends nonsense, and counted while it is open."""

    view: Any

    def on_request_accepted(self) -> None:
        """The websocket is open."""
        self.view.sockets.open.add(self)
        super().on_request_accepted()

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Let it in, unless its user has too many."""
        try:
            await super().handle_connection_init(message)
        except SocketRefused as refused:
            await self.websocket.close(code=TOO_MANY, reason=str(refused))

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Start an operation, unless there are too many."""
        refusal = self.view.sockets.refusal(self) if self.connection_acknowledged else None
        if refusal is None:
            await super().handle_subscribe(message)
            return
        error: Any = {"message": refusal, "extensions": {"code": "too_many_subscriptions"}}
        await self.send_message({"id": message["id"], "type": "error", "payload": [error]})

    async def shutdown(self) -> None:
        """The websocket is closed."""
        self.view.sockets.open.discard(self)
        await super().shutdown()

    async def handle_message(self, message: Any) -> None:
        """Check the shapes the protocol promises, where it only thinks of missing keys."""
        payload = message.get("payload")
        if message.get("type") == "subscribe" and not self._is_operation(payload):
            await self.handle_invalid_message("Invalid subscribe payload")
            return
        if not isinstance(message.get("id", ""), str):
            await self.handle_invalid_message("Invalid id")
            return
        await super().handle_message(message)

    def _is_operation(self, payload: object) -> bool:
        if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
            return False
        name = payload.get("operationName")
        return (
            len(payload["query"]) <= self.view.max_characters
            and isinstance(payload.get("variables"), dict | None)
            and isinstance(name, str | None)
        )
