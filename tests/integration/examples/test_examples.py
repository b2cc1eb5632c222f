"""The examples as users run them: deployed to a node, in real sandboxes, asked over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from picloud.store.database import make_pool
from support.node import NodeProcess, running_node
from support.postgres import PostgresServer

EXAMPLES = Path(__file__).parents[3] / "examples"
DATABASE = "examples"
KINDS = {"ticker": "async", "guestbook_asgi": "asgi", "upload_wsgi": "wsgi"}
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(postgres_server: PostgresServer, snapshot: Path) -> AsyncIterator[NodeProcess]:
    """One node with every example deployed as `demo/<name>`."""
    postgres_server.execute(
        f"CREATE DATABASE {DATABASE} TEMPLATE picloud_template STRATEGY file_copy"
    )
    url = postgres_server.url(DATABASE)
    try:
        async with make_pool(url, name="tests") as pool, running_node(pool, url, snapshot) as node:
            for path in sorted(EXAMPLES.glob("*.py")):
                kind = KINDS.get(path.stem, "sync")
                name = path.stem.replace("_", "-")
                await node.deploy(name, path.read_text(encoding="utf-8"), kind=kind)
            yield node
    finally:
        postgres_server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


async def test_hello_answers_as_the_readme_says(node: NodeProcess) -> None:
    answer = await node.client.get("/x/demo/hello?name=you")
    assert answer.status_code == 200
    assert answer.text.startswith('{"hello": "you", "invocation": "')
    assert answer.json()["invocation"] == answer.headers["picloud-invocation-id"]
    on_its_host = await node.client.get("/hello?name=you", headers={"host": "demo.localhost:8080"})
    assert on_its_host.json()["hello"] == "you"


async def test_hello_prints_into_the_log(node: NodeProcess) -> None:
    answer = await node.client.get("/x/demo/hello?name=logged")
    assert answer.status_code == 200
    query = "SELECT stream::text FROM log_records WHERE text = 'hello logged'"
    async with asyncio.timeout(10):
        while True:
            if stream := await node.pool.fetchval(query):
                break
            await asyncio.sleep(0.02)
    assert stream == "stdout"


async def test_csv_to_json_streams_rows(node: NodeProcess) -> None:
    rows = "".join(f"{number},row {number}\n" for number in range(20_000))
    answer = await node.client.post("/x/demo/csv-to-json", content=f"id,name\n{rows}")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert "content-length" not in answer.headers
    lines = answer.text.splitlines()
    assert len(lines) == 20_000
    assert json.loads(lines[-1]) == {"id": 19_999, "name": "row 19999"}


async def test_markdown_page_is_html_in_a_sandbox(node: NodeProcess) -> None:
    answer = await node.client.post("/x/demo/markdown-page", content="# Über **uns**\n\n<b>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == "sandbox"
    assert "<h1>Über <strong>uns</strong></h1><p>&lt;b&gt;</p>" in answer.text
    assert "Renders Markdown" in (await node.client.get("/x/demo/markdown-page")).text


async def test_chart_is_svg(node: NodeProcess) -> None:
    answer = await node.client.get("/x/demo/chart?values=3,1,4,1,5&title=Visits")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.text.count("<rect ") == 5
    refused = await node.client.get("/x/demo/chart?values=three")
    assert refused.status_code == 400


async def test_webhook_checks_the_signature(node: NodeProcess) -> None:
    body = b'{"action": "opened"}'
    digest = hmac.new(b"change-me", body, hashlib.sha256).hexdigest()
    headers = {"x-hub-signature-256": f"sha256={digest}", "x-github-event": "issues"}
    genuine = await node.client.post("/x/demo/webhook", content=body, headers=headers)
    assert genuine.json() == {"received": "issues", "action": "opened"}
    forged = await node.client.post("/x/demo/webhook", content=body + b" ", headers=headers)
    assert forged.status_code == 401


async def test_ticker_streams_events_side_by_side(node: NodeProcess) -> None:
    async with node.client.stream("GET", "/x/demo/ticker?count=3&every=0.05") as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        # Another run passes through the same sandbox while this stream is open.
        other = await node.client.get("/x/demo/ticker?count=1")
        text = "".join([part async for part in answer.aiter_text()])
    assert other.text.startswith("id: 1\n")
    assert [line for line in text.splitlines() if line.startswith("id:")] == [
        "id: 1",
        "id: 2",
        "id: 3",
    ]


async def test_guestbook_keeps_entries_between_requests(node: NodeProcess) -> None:
    signed = await node.client.post("/x/demo/guestbook-asgi", content="hello from me")
    assert (signed.status_code, signed.json()) == (201, {"entry": "hello from me", "number": 1})
    read = await node.client.get("/guestbook-asgi", headers={"host": "demo.localhost"})
    assert read.json() == {"entries": ["hello from me"]}
    assert (await node.client.post("/x/demo/guestbook-asgi")).status_code == 400


async def test_upload_tells_the_digest_of_a_large_body(node: NodeProcess) -> None:
    body = bytes(range(256)) * 8192
    answer = await node.client.post("/x/demo/upload-wsgi", content=body)
    expected = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    assert (answer.status_code, answer.json()) == (200, expected)
    refused = await node.client.get("/x/demo/upload-wsgi")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST, PUT")
