"""A file sent with a multipart form."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file of a form: its name as the client gave it, its media type and its bytes."""

    filename: str
    content_type: str
    body: bytes
