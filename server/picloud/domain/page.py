"""Keyset pages and live cursors: how lists are cut and how tails continue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Generic, TypeVar

from picloud.domain.failures import FieldFault, InvalidInput

T = TypeVar("T")
K = TypeVar("K")

DEFAULT_PAGE: Final = 20
MAX_PAGE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest(Generic[K]):
    """Which part of an ordered list: `size` items after a key and before another, from one end."""

    size: int = DEFAULT_PAGE
    from_end: bool = False
    after: K | None = None
    before: K | None = None

    @property
    def limit(self) -> int:
        """One more than asked, to learn whether there is more."""
        return self.size + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some items in the order of the list, whichever end they were read from."""

    items: Sequence[T]
    has_next: bool
    has_previous: bool


def page_size(*, first: int | None, last: int | None) -> tuple[int, bool]:
    """How many items, and whether from the end; raises `InvalidInput`."""
    if first is not None and last is not None:
        raise InvalidInput(FieldFault("last", "cannot be combined with first"))
    field, size = ("last", last) if last is not None else ("first", first)
    if size is None:
        return DEFAULT_PAGE, False
    if not 0 <= size <= MAX_PAGE:
        raise InvalidInput(FieldFault(field, f"must be between 0 and {MAX_PAGE}"))
    return size, field == "last"


def cut(rows: Sequence[T], request: PageRequest[K]) -> Page[T]:
    """Make a page of at most `limit` rows as they were read: backwards if `from_end`."""
    more = len(rows) > request.size
    items = list(rows[: request.size])
    if request.from_end:
        items.reverse()
        return Page(items=items, has_previous=more, has_next=request.before is not None)
    return Page(items=items, has_next=more, has_previous=request.after is not None)


@dataclass(frozen=True, slots=True)
class LivePosition:
    """Where a tail stands: the last `seq` it has seen of each node. An unknown node: none yet."""

    seen: Mapping[int, int]

    def of(self, node_number: int) -> int:
        """The last `seq` seen of one node."""
        return self.seen.get(node_number, 0)

    def advanced(self, node_number: int, seq: int) -> LivePosition:
        """The position after one more record."""
        return LivePosition(MappingProxyType({**self.seen, node_number: seq}))
