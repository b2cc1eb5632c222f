"""Scripts, their immutable versions and deployments."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from picloud.domain.failures import FieldFault
from picloud.domain.limits import Isolation, Limits

MAX_FILENAME: Final = 255
_FILENAME: Final = re.compile(r"[^/\\\x00-\x1f\x7f\ud800-\udfff]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A named unit of an app that can be invoked."""

    id: UUID
    app_id: UUID
    name: str
    created_at: datetime
    active_deployment_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One immutable state of a script; its source is read on demand."""

    id: UUID
    script_id: UUID
    number: int
    source_digest: bytes
    filename: str
    entry_points: tuple[str, ...]
    kind: str
    runtime: str
    limits: Limits
    isolation: Isolation
    created_by: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """From then on this version serves this script."""

    id: UUID
    script_id: UUID
    version_id: UUID
    created_by: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """What a check in a sandbox found out about a source."""

    entry_points: tuple[str, ...]
    kind: str
    runtime: str


def digest(source: str) -> bytes:
    """What identifies a source."""
    return hashlib.sha256(source.encode()).digest()


def source_faults(source: str, *, limit: int) -> list[FieldFault]:
    """What keeps a text from being a source, found without looking at the Python in it."""
    try:
        size = len(source.encode())
    except UnicodeEncodeError as exc:
        line = source.count("\n", 0, exc.start) + 1
        return [_source(f"has half a surrogate pair in line {line}: it is not valid UTF-8")]
    if size > limit:
        return [_source(f"is {size} bytes long, more than the limit of {limit} bytes")]
    if not source.strip():
        return [_source("is empty")]
    if source.startswith("\ufeff"):
        return [_source("starts with a byte order mark: save it as UTF-8 without one")]
    if (at := source.find("\0")) >= 0:
        return [_source(f"has a NUL byte in line {source.count(chr(10), 0, at) + 1}")]
    return []


def filename_faults(filename: str) -> list[FieldFault]:
    """What is wrong with the name tracebacks will show."""
    if not _FILENAME.fullmatch(filename) or len(filename.encode()) > MAX_FILENAME:
        rule = f"must be a plain file name of at most {MAX_FILENAME} bytes"
        return [FieldFault("filename", rule)]
    return []


def _source(message: str) -> FieldFault:
    return FieldFault("source", message)
