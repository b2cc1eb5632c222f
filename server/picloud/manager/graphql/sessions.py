"""Sessions, as their user sees them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from picloud.domain.session import Session
from picloud.manager.graphql import fields
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.enums import LogInMethod
from picloud.manager.graphql.nodes import Node


@strawberry.type(name="Session", description="A log-in of yours that has not ended.")
class SessionView(Node):
    """A session."""

    session: strawberry.Private[Session]

    def key(self) -> UUID:
        """The session's id."""
        return self.session.id

    @fields.field(description="Whether it is the one that asks.")
    def current(self, info: Info) -> bool:
        """This one."""
        return info.context.require_actor().credential.id == self.session.id

    @fields.field(description="How you proved who you are.")
    def method(self) -> LogInMethod:
        """By password, or otherwise."""
        return LogInMethod[self.session.method.name]

    @fields.field(description="The address it was last used from.")
    def address(self) -> str:
        """As the front door saw it."""
        return self.session.address

    @fields.field(description="The program that last used it, as it calls itself.")
    def agent(self) -> str:
        """The user agent."""
        return self.session.agent

    @fields.field(description="When you logged in.")
    def created_at(self) -> datetime:
        """The moment."""
        return self.session.created_at

    @fields.field(description="When it was last used, to five minutes.")
    def used_at(self) -> datetime:
        """The moment."""
        return self.session.used_at

    @fields.field(description="When it runs out.")
    def expires_at(self) -> datetime:
        """The moment."""
        return self.session.expires_at
