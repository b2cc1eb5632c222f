"""What leaves the node: a script's answer, checked, or an error of the platform as JSON."""

from __future__ import annotations

import json
import re
from typing import Final

from picloud.domain.invocation import Outcome
from picloud.domain.limits import Limits
from picloud.executor import frames
from picloud.executor.messages import InvocationFailed

Headers = list[tuple[bytes, bytes]]

_CACHE_SIZE: Final = 1024
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VALUE: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")
_COOKIE_DOMAIN: Final = re.compile(rb";\s*domain\s*=[^;]*", re.IGNORECASE)
# Said by the connection or by the platform, never by a script.
_OURS: Final = frozenset(
    (
        b"connection",
        b"content-length",
        b"keep-alive",
        b"picloud-invocation-id",
        b"proxy-authenticate",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
# What a browser would apply to the whole host: a script may say it on its own only.
_OF_THE_HOST: Final = frozenset(
    (
        *(b"alt-svc", b"clear-site-data", b"nel", b"origin-agent-cluster", b"report-to"),
        *(b"reporting-endpoints", b"service-worker-allowed", b"strict-transport-security"),
    )
)
# A script's page in the platform's own origin must not act as its user (DESIGN §6).
SANDBOX_PAGE: Final = (b"content-security-policy", b"sandbox")

_STATUS_OF_OUTCOME: Final = {
    Outcome.SCRIPT_ERROR: 500,
    Outcome.TIMEOUT: 504,
    Outcome.OUT_OF_MEMORY: 500,
    Outcome.CANCELLED: 499,
    Outcome.REJECTED: 429,
    Outcome.PLATFORM_ERROR: 502,
}
_STATUS_OF_CODE: Final = {
    "answer_too_large": 502,
    "script_deleted": 410,
    "sandbox_unavailable": 503,
    "secrets_unreadable": 503,
}
# The words for strangers; the log has the rest.
_MESSAGES: Final = {
    "script_raised": "The script raised an exception; its log has the traceback.",
    "import_failed": "The script failed while it was imported; its log has the traceback.",
    "out_of_memory": "The script used more memory than its limit allows.",
    "interpreter_died": "The script ended its interpreter.",
    "sandbox_died": "The sandbox of this invocation died.",
    "sandbox_unavailable": "No sandbox could be started.",
    "secrets_unreadable": "The secrets of this app can't be opened; the operator must look.",
    "cancelled": "The invocation was cancelled.",
}


class HeadReader:
    """Reads RESPONSE heads. Most are alike, so a checked head is remembered by its bytes."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bool], tuple[int, Headers]] = {}

    def read_answer(
        self, payload: bytes, own_host: bool, limits: Limits
    ) -> tuple[int, Headers, bytes]:
        """Status, headers and first body bytes of a RESPONSE payload, as `read`."""
        try:
            head, body = frames.split_head(payload)
        except frames.ProtocolError as error:
            raise _invalid(str(error)) from None
        if len(head) > limits.header_bytes:
            raise _too_large("headers are", "header_bytes", limits.header_bytes)
        if len(body) > limits.response_bytes:
            raise _too_large("body is", "response_bytes", limits.response_bytes)
        return *self.read(head, own_host), body

    def read(self, head: bytes, own_host: bool) -> tuple[int, Headers]:
        """Status and headers of an answer; do not change the list.

        Args:
            head: status and `name:value` lines.
            own_host: the answer leaves from the app's own host, not from the platform's.

        Raises InvocationFailed (answer_invalid) when HTTP can't carry it.
        """
        key = (head, own_host)
        known = self._known.get(key)
        if known is None:
            known = _parse(head, own_host)
            if len(self._known) >= _CACHE_SIZE:
                self._known.clear()
            if len(head) < 1024 and b"set-cookie" not in head:
                self._known[key] = known
        return known


def _parse(head: bytes, own_host: bool) -> tuple[int, Headers]:
    status, *lines = head.split(b"\n")
    if not (len(status) == 3 and status.isdigit() and 200 <= int(status) <= 599):
        raise _invalid(f"status {status[:20]!r}; it must be from 200 to 599")
    headers: Headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        name = name.lower()
        if not colon or not _NAME.match(name) or not _VALUE.match(value):
            raise _invalid(f"header {line[:40]!r}")
        if name in _OURS or (name in _OF_THE_HOST and not own_host):
            continue
        if name == b"set-cookie":
            if not own_host:
                continue
            value = _COOKIE_DOMAIN.sub(b"", value)
        headers.append((name, value.strip(b" \t")))
    if not own_host:
        headers.append(SANDBOX_PAGE)
    return int(status), headers


def _invalid(what: str) -> InvocationFailed:
    return InvocationFailed(
        Outcome.SCRIPT_ERROR, "answer_invalid", f"the answer has an impossible {what}"
    )


def _too_large(what: str, name: str, limit: int) -> InvocationFailed:
    return InvocationFailed(
        Outcome.SCRIPT_ERROR,
        "answer_too_large",
        f"the answer's {what} larger than {name}={limit}",
    )


def status_of(failure: InvocationFailed) -> int:
    """The HTTP status that tells a failure."""
    return _STATUS_OF_CODE.get(failure.code) or _STATUS_OF_OUTCOME.get(failure.outcome, 500)


def public_message(failure: InvocationFailed) -> str:
    """What a caller may read: never the text of a script's exception."""
    return _MESSAGES.get(failure.code, failure.message)


def error_answer(
    status: int, code: str, message: str, invocation_id: str | None = None, **extra: str
) -> tuple[Headers, bytes]:
    """Headers and body of an error made by the platform."""
    error = {"code": code, "message": message}
    if invocation_id is not None:
        error["invocation_id"] = invocation_id
    body = json.dumps({"error": error}).encode()
    headers: Headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    if invocation_id is not None:
        headers.append((b"picloud-invocation-id", invocation_id.encode()))
    for name, value in extra.items():
        headers.append((name.replace("_", "-").encode(), value.encode()))
    return headers, body
