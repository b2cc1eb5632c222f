"""Who is asking, and what is theirs alone."""

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
from picloud.manager.graphql.people import UserView
from picloud.manager.graphql.sessions import SessionView
from picloud.manager.graphql.tokens import TokenView, connect_tokens


@strawberry.type(description="Who is asking.")
class Viewer:
    """The actor."""

    user: UserView = strawberry.field(description="The user the session or token belongs to.")

    @fields.field(
        description="Where you are logged in, oldest first; for a token only if it has the scope "
        "`ADMIN` and is for every app."
    )
    async def sessions(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> KeysetConnection[SessionView]:
        """A page of them."""
        request = page_request(cursors.BY_ID, first=first, last=last, after=after, before=before)
        page = await info.context.people.list_sessions(request)
        return connect(
            page,
            cursors.BY_ID,
            key=lambda session: session.id,
            view=lambda session: SessionView(session=session),
        )

    @fields.field(
        description="Your API tokens, oldest first; for a token only if it has the scope `ADMIN` "
        "and is for every app."
    )
    async def tokens(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> KeysetConnection[TokenView]:
        """A page of them."""
        request = page_request(cursors.BY_ID, first=first, last=last, after=after, before=before)
        return connect_tokens(await info.context.reading.list_own_tokens(request))
