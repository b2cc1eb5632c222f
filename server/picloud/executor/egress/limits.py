"""What one request to the outside may cost. The names are those of the settings."""

from __future__ import annotations

from dataclasses import dataclass

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressLimits:
    """Times in ms, sizes in bytes."""

    egress_timeout_ms: int = 30_000
    egress_connect_ms: int = 5_000
    egress_request_bytes: int = 10 * _MIB
    egress_response_bytes: int = 10 * _MIB
    egress_header_bytes: int = 64 * 1024
    egress_parallel: int = 64  # of the whole node; more wait
