"""Multipart forms (RFC 7578), as browsers and curl send them."""

from __future__ import annotations

import re
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Final

from pic.upload import Upload

MAX_PARTS: Final = 1000
MAX_HEAD: Final = 16 * 1024  # bytes of one part's headers


def parse_multipart(content_type: str, body: bytes) -> list[tuple[str, str | Upload]]:
    """The fields of a form: text as `str`, files as `Upload`. Raises ValueError if malformed."""
    boundary = _parameters("content-type", content_type).get("boundary", "")
    if not boundary:
        raise ValueError("the multipart form has no boundary")
    return [_field(part) for part in _parts(boundary.encode("latin-1", "replace"), body)]


def _parts(boundary: bytes, body: bytes) -> list[bytes]:
    # A delimiter is a line of its own: what only begins like one belongs to the content.
    line = rb"(?:\A|\r\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r\n|\Z)"
    parts: list[bytes] = []
    start = -1
    for delimiter in re.finditer(line, body):
        if start >= 0:
            parts.append(body[start : delimiter.start()])
        if delimiter[1] is not None:
            return parts
        if len(parts) == MAX_PARTS:
            raise ValueError(f"the multipart form has more than {MAX_PARTS} parts")
        start = delimiter.end()
    raise ValueError("the multipart form is cut short: its last delimiter is missing")


def _field(part: bytes) -> tuple[str, str | Upload]:
    head, separator, content = part.partition(b"\r\n\r\n")
    if not separator:
        raise ValueError("a part of the multipart form has no head")
    if len(head) > MAX_HEAD:
        raise ValueError(f"a part of the multipart form has a head of more than {MAX_HEAD} bytes")
    headers = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    disposition = _parameters("content-disposition", headers.get("content-disposition", ""))
    if "name" not in disposition:
        raise ValueError("a part of the multipart form has no name")
    if "filename" not in disposition:
        return disposition["name"], content.decode("utf-8", "replace")
    media_type = headers.get("content-type", "application/octet-stream")
    upload = Upload(filename=disposition["filename"], content_type=media_type, body=content)
    return disposition["name"], upload


def _parameters(header: str, value: str) -> dict[str, str]:
    message = Message()
    message[header] = value
    pairs = message.get_params(failobj=[], header=header)
    # `filename*` names the same parameter in UTF-8 and wins over `filename`, whatever the order.
    found = {}
    for name, text in sorted(pairs, key=lambda pair: isinstance(pair[1], tuple)):
        found[name.lower()] = collapse_rfc2231_value(text)
    return found
