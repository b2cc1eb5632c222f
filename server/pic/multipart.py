"""Multipart forms (RFC 7578), as browsers and curl send them."""

from __future__ import annotations

from email.message import Message
from email.utils import collapse_rfc2231_value

from pic.upload import Upload


def parse_multipart(content_type: str, body: bytes) -> list[tuple[str, str | Upload]]:
    """The fields of a form: text as `str`, files as `Upload`. Raises ValueError if malformed."""
    boundary = _parameters("content-type", content_type).get("boundary", "")
    if not boundary:
        raise ValueError("the multipart form has no boundary")
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1"))
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise ValueError("the multipart form is cut short")
    return [_field(part) for part in parts[1:-1]]


def _field(part: bytes) -> tuple[str, str | Upload]:
    head, separator, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    if not separator:
        raise ValueError("a part of the multipart form has no head")
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
    return {name.lower(): collapse_rfc2231_value(text) for name, text in pairs}
