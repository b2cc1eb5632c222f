"""The limits of a version in the schema."""

from __future__ import annotations

import dataclasses
from typing import Any

import strawberry

from picloud.domain import limits


def _required(name: str) -> Any:
    return strawberry.field(description=limits.about(name))


def _optional(name: str) -> Any:
    return strawberry.field(default=None, description=limits.about(name))


@strawberry.type(name="Limits", description="What a version may use.")
class LimitsView:
    """Every limit has a value."""

    timeout_ms: int = _required("timeout_ms")
    cpu_ms: int = _required("cpu_ms")
    memory_mb: int = _required("memory_mb")
    request_bytes: int = _required("request_bytes")
    response_bytes: int = _required("response_bytes")
    header_bytes: int = _required("header_bytes")
    log_bytes: int = _required("log_bytes")
    log_line_bytes: int = _required("log_line_bytes")
    concurrency: int = _required("concurrency")
    sandboxes: int = _required("sandboxes")
    rate_per_second: int = _required("rate_per_second")
    open_responses: int = _required("open_responses")
    stream_idle_ms: int = _required("stream_idle_ms")

    @classmethod
    def of(cls, version: limits.Limits) -> LimitsView:
        """The view of limits."""
        return cls(**dataclasses.asdict(version))


@strawberry.input(
    description="Limits a script asks for. Whatever is left out stays as it is for the version "
    "that serves, else as the instance has it by default."
)
class LimitsInput:
    """Some of the limits."""

    timeout_ms: int | None = _optional("timeout_ms")
    cpu_ms: int | None = _optional("cpu_ms")
    memory_mb: int | None = _optional("memory_mb")
    request_bytes: int | None = _optional("request_bytes")
    response_bytes: int | None = _optional("response_bytes")
    header_bytes: int | None = _optional("header_bytes")
    log_bytes: int | None = _optional("log_bytes")
    log_line_bytes: int | None = _optional("log_line_bytes")
    concurrency: int | None = _optional("concurrency")
    sandboxes: int | None = _optional("sandboxes")
    rate_per_second: int | None = _optional("rate_per_second")
    open_responses: int | None = _optional("open_responses")
    stream_idle_ms: int | None = _optional("stream_idle_ms")

    def given(self) -> dict[str, int]:
        """What was not left out."""
        return {name: value for name, value in vars(self).items() if value is not None}
