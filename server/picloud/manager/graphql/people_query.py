"""What admins can ask about people."""

from __future__ import annotations

import strawberry

from picloud.manager.graphql import cursors, fields
from picloud.manager.graphql.connection import (
    After,
    Before,
    First,
    KeysetConnection,
    Last,
    connect,
    page_request,
)
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.invitations import InvitationView
from picloud.manager.graphql.people import UserView


@strawberry.type
class PeopleQuery:
    """The roots about people."""

    @fields.field(description="The users of the instance, by e-mail address; for admins.")
    async def users(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> KeysetConnection[UserView]:
        """A page of them."""
        request = page_request(cursors.BY_NAME, first=first, last=last, after=after, before=before)
        page = await info.context.people.list_users(request)
        return connect(
            page,
            cursors.BY_NAME,
            key=lambda user: user.email,
            view=lambda user: UserView(user=user),
        )

    @fields.field(description="The open invitations, by e-mail address; for admins.")
    async def invitations(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> KeysetConnection[InvitationView]:
        """A page of them."""
        request = page_request(cursors.BY_NAME, first=first, last=last, after=after, before=before)
        page = await info.context.people.list_invitations(request)
        return connect(
            page,
            cursors.BY_NAME,
            key=lambda invitation: invitation.email,
            view=lambda invitation: InvitationView(invitation=invitation),
        )
