"""What an app gives to its scripts, or to one of them: env variables, which its members may read,
and secrets, whose values nobody reads again but the scripts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from picloud.domain.failures import FieldFault

MAX_NAME: Final = 64
MAX_VALUE_BYTES: Final = 32_768
MAX_COUNT: Final = 100  # env variables of one app or script, and as many secrets
MAX_TOTAL_BYTES: Final = 65_536  # of one app or script: a sandbox gets both in a frame
HINT_LENGTH: Final = 4
HINT_FROM: Final = 16  # characters a value must have to spare some for a hint
_NAME: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvVariable:
    """A name and its value."""

    app_id: UUID
    script_id: UUID | None  # None: for all scripts of the app
    name: str
    value: str
    updated_by: UUID | None
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """What may be known of a secret. `hint` is the end of a long value."""

    app_id: UUID
    script_id: UUID | None
    name: str
    hint: str | None
    updated_by: UUID | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A name and the value it is to have; shown nowhere, because it may be a secret's."""

    name: str
    value: str = field(repr=False)


def identifier_fault(name: str) -> str | None:
    """What is wrong with the name of a variable or secret, as the end of a sentence."""
    if _NAME.fullmatch(name):
        return None
    return (
        "must be upper-case letters, digits and underscores, not beginning with a digit, "
        f"of at most {MAX_NAME} characters"
    )


def name_faults(names: Sequence[str], *, place: str) -> list[FieldFault]:
    """What is wrong with the names of an input's list; `place` is the list's name."""
    faults = [] if names else [FieldFault(place, "is empty")]
    if len(names) > MAX_COUNT:
        return [FieldFault(place, f"has more than {MAX_COUNT} items")]
    found = ((at, identifier_fault(name)) for at, name in enumerate(names))
    faults += [FieldFault(f"{place}[{at}].name", fault) for at, fault in found if fault]
    twice = [name for name, count in Counter(names).items() if count > 1 and _NAME.fullmatch(name)]
    return faults + [FieldFault(place, f"has {name} more than once") for name in twice]


def value_faults(
    values: Iterable[NamedValue], *, place: str, allow_empty: bool = True
) -> list[FieldFault]:
    """What is wrong with the values of an input's list; no message holds any of a value."""
    found = ((at, _value_fault(each.value, allow_empty)) for at, each in enumerate(values))
    return [FieldFault(f"{place}[{at}].value", fault) for at, fault in found if fault]


def total_faults(*, place: str, count: int, size: int) -> list[FieldFault]:
    """Whether an app or a script would have too much, counted with what it has."""
    faults = []
    if count > MAX_COUNT:
        faults.append(f"would make {count}, more than the limit of {MAX_COUNT} per app or script")
    if size > MAX_TOTAL_BYTES:
        faults.append(
            f"would make {size} bytes of values, more than the limit of {MAX_TOTAL_BYTES} "
            "per app or script"
        )
    return [FieldFault(place, fault) for fault in faults]


def hint_of(value: str) -> str | None:
    """The last characters of a value that is long enough to spare them, if they can be shown."""
    end = value.rstrip()[-HINT_LENGTH:]
    return end if len(value) >= HINT_FROM and end.isprintable() else None


def _value_fault(value: str, allow_empty: bool) -> str | None:
    if not value and not allow_empty:
        return "is empty"
    if "\0" in value:
        return "has a NUL character"
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        return "has half a surrogate pair: it is not valid UTF-8"
    if size > MAX_VALUE_BYTES:
        return f"is {size} bytes long, more than the limit of {MAX_VALUE_BYTES} bytes"
    return None
