"""Relay connections over keyset pages. The order never flips: `last` cuts, it does not turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Generic, TypeVar

import strawberry
from strawberry.types.nodes import SelectedField, Selection

from picloud.domain.page import DEFAULT_PAGE, MAX_PAGE, Page, PageRequest, page_size
from picloud.manager.graphql.context import Info
from picloud.manager.graphql.cursors import Cursor

T = TypeVar("T")
K = TypeVar("K")
NodeT = TypeVar("NodeT")

First = Annotated[
    int | None,
    strawberry.argument(
        description=f"How many from the start: {DEFAULT_PAGE} unless told, {MAX_PAGE} at most."
    ),
]
Last = Annotated[
    int | None,
    strawberry.argument(description="How many from the end, in the same order as `first` gives."),
]
After = Annotated[str | None, strawberry.argument(description="Only what follows this cursor.")]
Before = Annotated[str | None, strawberry.argument(description="Only what precedes this cursor.")]


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    """As Relay has it."""

    has_next_page: bool = strawberry.field(description="Whether more follows this page.")
    has_previous_page: bool = strawberry.field(description="Whether more precedes this page.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first edge.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last edge.")


@strawberry.type(name="Edge", description="An item of a list and its place there.")
class Edge(Generic[NodeT]):
    """One item."""

    cursor: str = strawberry.field(description="The item's place; opaque.")
    node: NodeT = strawberry.field(description="The item.")


@strawberry.type(name="Connection", description="A page of a list.")
class KeysetConnection(Generic[NodeT]):
    """Edges and where they lie."""

    edges: list[Edge[NodeT]] = strawberry.field(description="The items, in the list's order.")
    page_info: PageInfo = strawberry.field(description="Where this page lies.")


@strawberry.type(name="Connection", description="A page of records, oldest first.")
class LiveConnection(KeysetConnection[NodeT], Generic[NodeT]):
    """A page of a list that grows."""

    live_cursor: str = strawberry.field(
        description="Give this to the subscription's `after` to go on after the newest record of "
        "this list without losing or repeating one."
    )


def page_request(
    cursor: Cursor[K],
    *,
    first: int | None,
    last: int | None,
    after: str | None,
    before: str | None,
) -> PageRequest[K]:
    """Check the arguments of a connection; raises `InvalidInput`."""
    size, from_end = page_size(first=first, last=last)
    return PageRequest(
        size=size,
        from_end=from_end,
        after=cursor.decode(after, field="after"),
        before=cursor.decode(before, field="before"),
    )


def edges_of(
    page: Page[T], cursor: Cursor[K], *, key: Callable[[T], K], view: Callable[[T], NodeT]
) -> tuple[list[Edge[NodeT]], PageInfo]:
    """What a connection consists of."""
    edges = [Edge(cursor=cursor.encode(key(item)), node=view(item)) for item in page.items]
    info = PageInfo(
        has_next_page=page.has_next,
        has_previous_page=page.has_previous,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return edges, info


def connect(
    page: Page[T], cursor: Cursor[K], *, key: Callable[[T], K], view: Callable[[T], NodeT]
) -> KeysetConnection[NodeT]:
    """Show a page as a connection."""
    edges, info = edges_of(page, cursor, key=key, view=view)
    return KeysetConnection(edges=edges, page_info=info)


def selects(info: Info, name: str) -> bool:
    """Whether the query asks for this field of what the resolver returns."""
    return any(_has(selection.selections, name) for selection in info.selected_fields)


def _has(selections: list[Selection], name: str) -> bool:
    for selection in selections:
        if isinstance(selection, SelectedField):
            if selection.name == name:
                return True
        elif _has(selection.selections, name):
            return True
    return False
