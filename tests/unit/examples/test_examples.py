"""The examples under plain CPython, with the requests that `pic.testing` builds."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import importlib.util
import io
import json
import re
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from types import ModuleType
from typing import Any, cast
from xml.etree import ElementTree

import pytest

import pic
from pic.testing import request

EXAMPLES = Path(__file__).parents[3] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def streamed(response: pic.Response) -> str:
    return "".join(cast("Generator[str, None, None]", response.body))


def test_there_are_eight_examples() -> None:
    assert len(NAMES) == 8


@pytest.mark.parametrize("name", NAMES)
def test_docstring_shows_the_curl_line_of_its_own_address(name: str) -> None:
    text = example(name).__doc__ or ""
    assert "curl " in text
    assert f"/x/demo/{name.replace('_', '-')}" in text


@pytest.mark.parametrize("name", NAMES)
def test_defines_a_handler_or_an_application(name: str) -> None:
    module = example(name)
    assert callable(getattr(module, "handler", None) or module.app)


def test_hello_greets_by_name_and_prints(capsys: pytest.CaptureFixture[str]) -> None:
    answer = example("hello").handler(request(query={"name": "you"}))
    assert next(iter(answer.items())) == ("hello", "you")
    assert capsys.readouterr().out == "hello you\n"


def test_hello_without_a_name_greets_the_world() -> None:
    assert example("hello").handler(request())["hello"] == "world"


def test_chart_draws_one_bar_per_value() -> None:
    response = example("chart").handler(request(query={"values": "3,1,4", "title": "<Visits>"}))
    root = ElementTree.fromstring(response.body)  # noqa: S314 - our own
    assert root.get("aria-label") == "<Visits>"
    assert len(root.findall(".//{*}rect")) == 3
    assert ("content-type", "image/svg+xml") in response.headers


@pytest.mark.parametrize("values", ["", "a", "1,,2", "-1", "nan", "inf", ",".join("1" * 101)])
def test_chart_answers_400_for_what_can_not_be_drawn(values: str) -> None:
    response = example("chart").handler(request(query={"values": values}))
    assert response.status == 400
    assert response.body["error"].startswith("values: ")


def test_csv_rows_become_json_lines_with_numbers() -> None:
    body = 'name;age;code\n"Ada; Countess";36;007\nBob;;1.5\n'
    response = example("csv_to_json").handler(request("POST", body=body))
    assert [json.loads(line) for line in streamed(response).splitlines()] == [
        {"name": "Ada; Countess", "age": 36, "code": "007"},
        {"name": "Bob", "age": None, "code": 1.5},
    ]


def test_csv_row_of_the_wrong_length_is_reported_and_the_rest_kept() -> None:
    response = example("csv_to_json").handler(request("POST", body="a,b\n1\n1,2\n"))
    assert [json.loads(line) for line in streamed(response).splitlines()] == [
        {"error": "1 cells instead of 2", "line": 2},
        {"a": 1, "b": 2},
    ]


def test_csv_without_a_body_is_refused() -> None:
    assert example("csv_to_json").handler(request("POST")).status == 400


def signed(body: str, key: bytes = b"change-me") -> dict[str, str]:
    digest = hmac.new(key, body.encode(), hashlib.sha256).hexdigest()
    return {"x-hub-signature-256": f"sha256={digest}", "x-github-event": "issues"}


def test_webhook_with_the_right_signature_is_received() -> None:
    body = '{"action": "opened"}'
    response = example("webhook").handler(request("POST", body=body, headers=signed(body)))
    assert (response.status, response.body) == (200, {"received": "issues", "action": "opened"})


@pytest.mark.parametrize(
    "headers", [{}, signed("{}", b"guess"), {"x-hub-signature-256": "sha256=\xe9"}]
)
def test_webhook_with_another_signature_is_refused(headers: dict[str, str]) -> None:
    response = example("webhook").handler(request("POST", body="{}", headers=headers))
    assert response.status == 401


@pytest.mark.parametrize("body", ["", "no json", "[1]"])
def test_webhook_that_is_signed_but_no_object_is_a_bad_request(body: str) -> None:
    response = example("webhook").handler(request("POST", body=body, headers=signed(body)))
    assert response.status == 400


def test_webhook_takes_posts_only() -> None:
    response = example("webhook").handler(request("GET"))
    assert (response.status, response.headers) == (405, [("allow", "POST")])


def test_ticker_streams_numbered_events() -> None:
    async def collect() -> list[str]:
        response = await example("ticker").handler(request(query={"count": "3", "every": "0"}))
        return [event async for event in cast("AsyncGenerator[str, None]", response.body)]

    events = asyncio.run(collect())
    assert [event.splitlines()[0] for event in events] == ["id: 1", "id: 2", "id: 3"]


def test_ticker_refuses_what_is_no_number() -> None:
    response = asyncio.run(example("ticker").handler(request(query={"count": "many"})))
    assert response.status == 400


MARKDOWN = """# Title & more

Some **bold**, *thin* and `a < b` with a [link](https://example.org/?a=1&b=2).
Still the same paragraph.

- one
- two

```
<script>
```
> quoted
"""


def test_markdown_is_rendered() -> None:
    page = example("markdown_page").handler(request("POST", body=MARKDOWN)).body
    assert "<title>Title &amp; more</title>" in page
    assert "<h1>Title &amp; more</h1>" in page
    assert "<strong>bold</strong>, <em>thin</em> and <code>a &lt; b</code>" in page
    assert '<a href="https://example.org/?a=1&amp;b=2">link</a>. Still' in page
    assert "<ul><li>one</li><li>two</li></ul>" in page
    assert "<pre><code>&lt;script&gt;</code></pre>" in page
    assert "<blockquote>quoted</blockquote>" in page


@pytest.mark.parametrize(
    "text",
    ["<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", '[x](https://a"onclick=b)'],
)
def test_markdown_can_not_smuggle_markup_in(text: str) -> None:
    page = example("markdown_page").handler(request("POST", body=text)).body
    assert re.search(r"<img|href=\"javascript|\"onclick", page) is None


def test_markdown_page_shows_its_own_text_on_get() -> None:
    assert "Renders Markdown" in example("markdown_page").handler(request()).body


def test_upload_tells_size_and_digest() -> None:
    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": "text/plain",
        "wsgi.input": io.BytesIO(b"content"),
    }
    started: list[str] = []
    [body] = example("upload_wsgi").app(environ, lambda status, _: started.append(status))
    assert started == ["200 OK"]
    assert json.loads(body) == {"bytes": 7, "sha256": hashlib.sha256(b"content").hexdigest()}


def test_upload_takes_no_get() -> None:
    started: list[str] = []
    environ = {"REQUEST_METHOD": "GET"}
    example("upload_wsgi").app(environ, lambda status, _: started.append(status))
    assert started == ["405 Method Not Allowed"]


@pytest.mark.parametrize(("text", "status"), [(b"hello", 201), (b" ", 400), (b"x" * 281, 400)])
def test_guestbook_keeps_what_is_short_enough(text: bytes, status: int) -> None:
    sent: list[dict[str, Any]] = []
    entries: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": text, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "state": {"entries": entries}}
    asyncio.run(example("guestbook_asgi").app(scope, receive, send))
    assert sent[0]["status"] == status
    assert entries == (["hello"] if status == 201 else [])
