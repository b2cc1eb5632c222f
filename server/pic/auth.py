"""Who calls a route that is not public."""

from __future__ import annotations

from typing import NamedTuple

from pic.multi import parse_urlencoded


class Auth(NamedTuple):
    """What the platform has checked before the handler runs.

    `kind` is `token`, `basic`, `hmac` or `session`; `subject` the e-mail address of whose token or
    session it is, the user name, or whose way of signing; `id` the token's or the user's id, else
    empty.
    """

    kind: str
    subject: str
    id: str = ""


HEADER = "picloud-auth"  # which a caller can't send


def parse_auth(header: str | None) -> Auth | None:
    """What the node says in the header; None on a public route."""
    if header is None:
        return None
    said = dict(parse_urlencoded(header))
    return Auth(said["kind"], said["subject"], said.get("id", ""))
