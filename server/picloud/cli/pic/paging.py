"""Walking a Relay connection to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def nodes(fetch: Callable[[str | None], Any]) -> Iterator[Any]:
    """The nodes of every page; `fetch` gets the cursor to go on after."""
    cursor: str | None = None
    while True:
        connection = fetch(cursor)
        yield from (edge["node"] for edge in connection["edges"])
        if not connection["pageInfo"]["hasNextPage"]:
            return
        cursor = connection["pageInfo"]["endCursor"]
