"""What one app may have: a limit for each kind of thing; the instance's, or one an admin set.

A quota is counted over what the app has, not over time. What runs has limits of its own
(`picloud.domain.limits`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from picloud.domain.failures import FieldFault, QuotaExceeded

HIGHEST: Final = 1_000_000
FIELD: Final = "quotas"
_MIB: Final = 1024 * 1024


class Quota(StrEnum):
    """A kind of thing an app has; the value is its name in settings, errors and the database."""

    SCRIPTS = "scripts"
    SOURCE_MB = "source_mb"
    ROUTES = "routes"
    MEMBERS = "members"
    TOKENS = "tokens"
    ENV_VARIABLES = "env_variables"
    SECRETS = "secrets"
    FORMER_NAMES = "former_names"


# What an instance allows unless its settings say otherwise, and what that is, for people.
DEFAULTS: Final[Mapping[Quota, tuple[int, str]]] = MappingProxyType(
    {
        Quota.SCRIPTS: (100, "scripts of an app"),
        Quota.SOURCE_MB: (256, "MB of all versions of an app"),
        Quota.ROUTES: (300, "routes of an app"),
        Quota.MEMBERS: (100, "members of an app"),
        Quota.TOKENS: (100, "tokens for one app only"),
        Quota.ENV_VARIABLES: (1000, "env variables of an app and its scripts"),
        Quota.SECRETS: (1000, "secrets of an app and its scripts"),
        Quota.FORMER_NAMES: (10, "former names an app keeps"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaUse:
    """How much an app has of one thing, how much it may have, and whether an admin said so."""

    quota: Quota
    used: int
    limit: int
    is_own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an app has of everything, and the quotas an admin gave to it alone."""

    used: Mapping[Quota, int]
    own: Mapping[Quota, int]

    def of(self, quota: Quota, instance: Mapping[Quota, int]) -> QuotaUse:
        """One quota of the app, with what the instance allows where the app has none of its own."""
        return QuotaUse(
            quota=quota,
            used=self.used[quota],
            limit=self.own.get(quota, instance[quota]),
            is_own=quota in self.own,
        )


def require_within(before: QuotaUse, after: QuotaUse) -> None:
    """Raise `QuotaExceeded` when there is more than before, and more than the quota.

    An app that has more than its quota since an admin lowered it keeps what it has.
    """
    if after.used > max(after.limit, before.used):
        raise QuotaExceeded(quota=after.quota.value, limit=after.limit, wanted=after.used)


def megabytes(size: int) -> int:
    """Bytes as `source_mb` counts them: begun megabytes of 2**20 bytes."""
    return -(-size // _MIB)


def quota_faults(given: Mapping[Quota, int | None]) -> list[FieldFault]:
    """What is wrong with quotas an admin sets; None takes the instance's again."""
    return [
        FieldFault(FIELD, f"{quota.value}={most} must be between 0 and {HIGHEST}")
        for quota, most in given.items()
        if most is not None and not 0 <= most <= HIGHEST
    ]


def changed(usage: Usage, given: Mapping[Quota, int | None]) -> Usage:
    """The quotas of an app after an admin's change."""
    own = {**usage.own, **given}
    return replace(usage, own={quota: most for quota, most in own.items() if most is not None})
