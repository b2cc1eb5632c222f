"""Invitations, as admins see them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import strawberry

from picloud.domain.invitation import Invitation
from picloud.manager.graphql import fields
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.enums import AppRole, InstanceRole
from picloud.manager.graphql.nodes import Node
from picloud.manager.graphql.people import UserView, author_of
from picloud.manager.graphql.scripts import AppView


@strawberry.type(name="Invitation", description="A place kept for somebody who has not come yet.")
class InvitationView(Node):
    """An open invitation."""

    invitation: strawberry.Private[Invitation]

    def key(self) -> UUID:
        """The invitation's id."""
        return self.invitation.id

    @fields.field(description="The e-mail address it is for, lower case.")
    def email(self) -> str:
        """Only this address can accept it."""
        return self.invitation.email

    @fields.field(description="What the invited will be to the instance.")
    def role(self) -> InstanceRole:
        """Admin or member."""
        return InstanceRole[self.invitation.role.name]

    @fields.field(description="The app whose member the invited becomes.")
    async def app(self, info: Info) -> AppView | None:
        """None: of no app."""
        if self.invitation.app_id is None:
            return None
        app = await info.context.reading.app(self.invitation.app_id)
        return AppView(app=app) if app else None

    @fields.field(description="The role in that app.")
    def app_role(self) -> AppRole | None:
        """None: of no app."""
        role = self.invitation.app_role
        return None if role is None else AppRole[role.name]

    @fields.field(description="Who invited.")
    async def created_by(self, info: Info) -> UserView | None:
        """None: somebody who is gone."""
        return await author_of(info, self.invitation.created_by)

    @fields.field(description="When the invitation was made.")
    def created_at(self) -> datetime:
        """The moment."""
        return self.invitation.created_at

    @fields.field(description="When it runs out.")
    def expires_at(self) -> datetime:
        """The moment."""
        return self.invitation.expires_at
