"""Multipart forms as clients send them, and as they should not."""

from __future__ import annotations

import pytest

from pic import Upload
from pic.multipart import MAX_HEAD, MAX_PARTS, parse_multipart


def part(disposition: str, content: bytes = b"x", boundary: str = "b") -> bytes:
    head = f"--{boundary}\r\ncontent-disposition: form-data; {disposition}\r\n\r\n"
    return head.encode() + content + b"\r\n"


def form(*parts: bytes, boundary: str = "b") -> bytes:
    return b"".join(parts) + f"--{boundary}--\r\n".encode()


def test_a_boundary_may_be_quoted_and_have_signs() -> None:
    body = form(part('name="a"', boundary="a+b (c)"), boundary="a+b (c)")
    assert parse_multipart('multipart/form-data; boundary="a+b (c)"', body) == [("a", "x")]


def test_what_only_begins_like_a_boundary_is_content() -> None:
    content = b"1\r\n--bee\r\n2"
    assert parse_multipart("x; boundary=b", form(part('name="a"', content))) == [
        ("a", content.decode())
    ]


def test_the_long_name_of_a_file_wins() -> None:
    body = form(part('name="f"; filename*=UTF-8\'\'%E2%82%AC.txt; filename="e.txt"'))
    upload = Upload(filename="€.txt", content_type="application/octet-stream", body=b"x")
    assert parse_multipart("x; boundary=b", body) == [("f", upload)]


def test_text_around_the_form_is_passed_over() -> None:
    body = b"preamble\r\n" + form(part('name="a"')) + b"epilogue"
    assert parse_multipart("x; boundary=b", body) == [("a", "x")]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "cut short"),
        (part('name="a"'), "cut short"),
        (form(part('nome="a"')), "has no name"),
        (form(*[part('name="a"')] * (MAX_PARTS + 1)), f"more than {MAX_PARTS} parts"),
        (form(part(f'name="{"a" * MAX_HEAD}"')), f"more than {MAX_HEAD} bytes"),
    ],
)
def test_what_is_wrong_is_named(body: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_multipart("x; boundary=b", body)
