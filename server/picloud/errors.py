"""The one tree of errors. A class is a code, a sentence and, for callers, an HTTP status.

`Expected` is a failure the caller can act on; `PlatformError` is ours; the faults of a script
are outcomes of its invocation (`picloud.domain.invocation`), not exceptions of the server.
"""

from __future__ import annotations

from typing import ClassVar


class PiCloudError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    by_code: ClassVar[dict[str, type[PiCloudError]]] = {}

    def __init_subclass__(cls, *, abstract: bool = False) -> None:
        if abstract:
            return
        code = cls.__dict__.get("code")
        if code is None or code in PiCloudError.by_code:
            raise TypeError(f"{cls.__name__} needs a code of its own")
        PiCloudError.by_code[code] = cls

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)

    @property
    def message(self) -> str:
        """The sentence shown to people."""
        return str(self)


class Expected(PiCloudError, abstract=True):  # noqa: N818  # a kind of failure, not one
    """A failure the caller can act on."""


class PlatformError(PiCloudError, abstract=True):
    """A failure of the platform itself."""
