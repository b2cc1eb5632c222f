"""What can fail that a caller can act on, each with its code.

Arguments are fields; the docstring is the message.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from picloud.errors import Expected


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One field of an input and what is wrong with it."""

    field: str
    message: str


class InvalidInput(Expected):
    """The input is not valid."""

    code = "invalid_input"
    status = 400

    def __init__(self, *faults: FieldFault) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{fault.field}: {fault.message}" for fault in faults) or None)


class NotFound(Expected):
    """There is no such object, or you may not see it."""

    code = "not_found"
    status = 404

    def __init__(self, *, kind: str, name: str | None = None) -> None:
        self.kind = kind
        self.name = name
        said = f"{kind} {name!r}" if name is not None else kind
        super().__init__(f"There is no {said}, or you may not see it.")


class NameTaken(Expected):
    """This name is taken."""

    code = "name_taken"
    status = 409

    def __init__(self, *, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        super().__init__(f"The {kind} name {name!r} is taken.")


class PermissionDenied(Expected):
    """Your role, or what your token is for, does not allow this."""

    code = "permission_denied"
    status = 403


class LastOwner(Expected):
    """An app needs an owner."""

    code = "last_owner"
    status = 409

    def __init__(self, *, apps: Sequence[str]) -> None:
        self.apps = tuple(apps)
        names = ", ".join(map(repr, apps))
        super().__init__(f"Nobody else owns {names}: make somebody an owner of it first.")


class AlreadyMember(Expected):
    """This user is a member of the app already."""

    code = "already_member"
    status = 409

    def __init__(self, *, email: str, role: str) -> None:
        super().__init__(f"{email} is a member already, as {role}: change the role instead.")


class QuotaExceeded(Expected):
    """The app would have more than its quota."""

    code = "quota_exceeded"
    status = 409

    def __init__(self, *, quota: str, limit: int, wanted: int) -> None:
        self.quota = quota
        self.limit = limit
        super().__init__(f"This would make {wanted}, more than the quota {quota}={limit}.")


class Unauthenticated(Expected):
    """Log in first: send the token of a session, or an API token."""

    code = "unauthenticated"
    status = 401


class InvalidCredentials(Expected):
    """The e-mail address or the password is wrong."""

    code = "invalid_credentials"
    status = 401


class TooManyAttempts(Expected):
    """Too many attempts to log in."""

    code = "too_many_attempts"
    status = 429

    def __init__(self, *, rule: str, seconds: float) -> None:
        self.retry_after = max(1, math.ceil(seconds))  # seconds
        super().__init__(f"Too many attempts to log in: {rule}. Try again in {self.retry_after} s.")


class LastAdmin(Expected):
    """The instance would be left without an admin who can log in. Make somebody else one first."""

    code = "last_admin"
    status = 409


class IssuerRefused(Expected):
    """The log-in by the issuer of OpenID Connect was not accepted."""

    code = "issuer_refused"
    status = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFault:
    """Why a source cannot be deployed, and where."""

    code: str
    message: str
    filename: str | None = None
    line: int | None = None
    column: int | None = None
    text: str | None = None


class SourceRejected(Expected):
    """The source cannot be deployed."""

    code = "source_rejected"
    status = 422

    def __init__(self, fault: SourceFault) -> None:
        self.fault = fault
        super().__init__(fault.message)


class NodeUnavailable(Expected):
    """No node answered in time. Is one running? Try again in a moment."""

    code = "node_unavailable"
    status = 503


def require_valid(faults: Sequence[FieldFault]) -> None:
    """Raise all faults of an input at once."""
    if faults:
        raise InvalidInput(*faults)
