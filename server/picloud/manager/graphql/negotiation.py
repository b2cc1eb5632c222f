"""The media type of an answer, by GraphQL over HTTP.

`application/graphql-response+json` has statuses that mean something. Who asks for
`application/json` by name gets 200 for a query that was understood and refused, as programs of
before expect; who asks for nothing in particular gets JSON with the meaningful statuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

RESPONSE: Final = "application/graphql-response+json"
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Format:
    """The media type, and whether a refused query is 200."""

    media_type: str
    always_200: bool = False


PLAIN: Final = Format(JSON)
_BY_NAME: Final = {RESPONSE: Format(RESPONSE), JSON: Format(JSON, always_200=True)}
_ANYTHING: Final = ("*/*", "application/*", "")


def negotiate(accept: str | None) -> Format | None:
    """What to answer with; None when nothing we have is wanted. Of equals the first is taken."""
    found: Format | None = None
    best = 0.0
    for part in (accept or "*/*").split(","):
        media_range, *parameters = (each.strip().lower() for each in part.split(";"))
        known = _BY_NAME.get(media_range) or (PLAIN if media_range in _ANYTHING else None)
        weight = _weight(parameters)
        if known is not None and weight > best:
            found, best = known, weight
    return found


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
