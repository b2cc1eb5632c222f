"""`pic.fetch` under plain Python, as a script's own tests use it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import pic
from pic.multi import Headers
from support.web import reply, web


async def test_a_script_fetches_under_plain_python() -> None:
    async with web() as site:
        site.answer("/a", reply(b'{"x": 1}', "201 Made", "x-a: 1", "x-a: 2"))
        sent: dict[str, Any] = {"method": "POST", "headers": {"X-B": "c"}, "json": {"y": 2}}
        answer = await asyncio.to_thread(pic.fetch, f"{site.url}/a", **sent)
        assert (answer.status, answer.ok, answer.json()) == (201, True, {"x": 1})
        assert answer.headers.get_all("X-A") == ["1", "2"]
        assert answer.url == f"{site.url}/a"
        (request,) = site.requests
        assert (request.method, request.body) == ("POST", b'{"y": 2}')
        assert request.values("x-b") == ["c"]
        assert request.values("content-type") == ["application/json"]


async def test_a_script_awaits_under_plain_python_and_redirects_are_followed() -> None:
    async with web() as site:
        site.redirect("/from", "/to")
        answer = await pic.afetch(f"{site.url}/from", body="text", method="POST")
        assert (answer.text(), answer.url) == ("ok", f"{site.url}/to")
        assert (site.requests[0].body, site.requests[1].method) == (b"text", "GET")


async def test_an_error_status_is_an_answer_until_it_is_asked_about() -> None:
    async with web() as site:
        site.answer("/404", reply(b"nothing", "404 Not Found"))
        answer = await pic.afetch(f"{site.url}/404")
        assert (answer.status, answer.ok, answer.text()) == (404, False, "nothing")
        with pytest.raises(pic.FetchError, match="answered with status 404") as refused:
            answer.raise_for_status()
        assert refused.value.code == "bad_status"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("file:///etc/passwd", "invalid_url"),
        ("http://127.0.0.1:1/", "connect_failed"),
        ("http://a b/", "invalid_url"),
    ],
)
def test_what_brings_no_answer_has_a_code(url: str, code: str) -> None:
    with pytest.raises(pic.FetchError) as refused:
        pic.fetch(url)
    assert refused.value.code == code


def test_arguments_of_a_wrong_type_are_told() -> None:
    with pytest.raises(TypeError, match="not both"):
        pic.fetch("http://a/", body=b"a", json={})
    with pytest.raises(TypeError, match="bytes or str"):
        pic.fetch("http://a/", body={"a": 1})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be str"):
        pic.fetch(b"http://a/")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ("text/plain; charset=latin-1", "Ã©"),
        ("text/plain", "é"),
        ("x; charset=nonsense", "é"),
        ("", "é"),
    ],
)
def test_text_is_read_in_the_charset_of_the_answer(content_type: str, text: str) -> None:
    headers = Headers([("Content-Type", content_type)])
    assert pic.FetchResponse(200, headers, "é".encode(), "http://a/").text() == text
