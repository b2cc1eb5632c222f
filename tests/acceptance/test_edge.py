"""What comes in through the front door: malformed, oversized, forged. The real Caddy decides."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urljoin

import httpx
import pytest
import websockets
from starlette.routing import Mount, Route, WebSocketRoute
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from picloud.manager.app import make_app
from support.platform import Platform

EDGE = """
def handler(request):
    return {
        "client": request.client_ip,
        "url": request.url,
        "headers": sorted(name for name, _ in request.headers.pairs()),
        "auth": request.auth,
        "query": dict(request.query.pairs()),
        "body": request.text(),
    }
"""
MALFORMED = {
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "a list of lengths": b"Content-Length: 5, 6\r\n\r\nabcdef",
    "a negative length": b"Content-Length: -1\r\n\r\n",
    "a length with a sign": b"Content-Length: +5\r\n\r\nabcde",
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two codings": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "two headers of codings": (
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n"
    ),
    "a space before the colon": b"Content-Length : 5\r\n\r\nabcde",
    "a folded coding": b"Transfer-Encoding:\r\n xchunked\r\n\r\n0\r\n\r\n",
    "a tab before the colon": b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "a NUL in a value": b"X-A: a\0b\r\n\r\n",
    "a bare CR in a value": b"X-A: a\rTransfer-Encoding: chunked\r\n\r\n",
    "a line without a colon": b"Nonsense\r\n\r\n",
    "a chunk size that is none": b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n",
    "a chunk size with a sign": b"Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
    "an endless chunk size": b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n",
}
PROTOCOLS = [Subprotocol("graphql-transport-ws")]
# What follows on the same connection. Whoever reads a body shorter than Caddy does would run it.
SMUGGLED = b"GET /x/demo/edge/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def edge(platform: Platform) -> Iterator[Platform]:
    """The script `edge`, for all paths below it."""
    platform.deploy("edge", EDGE)
    platform.pic("routes", "add", "/edge/{rest...}", "edge", "--app", "demo")
    yield platform
    platform.pic("routes", "remove", "/edge/{rest...}", "--app", "demo")


def raw(platform: Platform, octets: bytes) -> bytes:
    """Send bytes as they are, and read until the other side closes or is silent."""
    answer = b""
    with socket.create_connection(("localhost", platform.port), timeout=5) as connection:
        try:
            connection.sendall(octets)
            while part := connection.recv(65_536):
                answer += part
        except (TimeoutError, ConnectionError):
            pass
    return answer


def statuses(answer: bytes) -> list[int]:
    """Of the answers on one connection."""
    lines = [line for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    return [int(line.split(b" ")[1]) for line in lines]


def paths_run(platform: Platform) -> list[str]:
    """Of the script's invocations."""
    listed = platform.pic("invocations", "demo/edge", "-n", "100", "--json").stdout
    return [each["path"] for each in json.loads(listed)]


@pytest.mark.parametrize("fault", MALFORMED)
def test_a_malformed_request_is_refused_and_nothing_after_it_is_run(
    edge: Platform, fault: str
) -> None:
    head = b"POST /x/demo/edge/first HTTP/1.1\r\nHost: localhost\r\n"
    answer = raw(edge, head + MALFORMED[fault] + SMUGGLED)
    assert statuses(answer) in ([400], [501]), answer[:300]  # 501: a coding nobody knows
    assert "/edge/smuggled" not in paths_run(edge)


def test_length_and_chunks_at_once_mean_the_same_to_every_part(edge: Platform) -> None:
    """Chunks count, as RFC 9112 has it, and no part reads on behind them as if they were none."""
    body = b"3\r\nabc\r\n0\r\n\r\n"
    for length in (3, len(body), len(body) + len(SMUGGLED), 100_000):
        head = (
            b"POST /x/demo/edge/both HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % length
        )
        answer = raw(edge, head + body + SMUGGLED)
        assert statuses(answer) in ([200], [400]), answer[:300]
        if statuses(answer) == [200]:
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["body"] == "abc"
    assert "/edge/smuggled" not in paths_run(edge)


def test_a_folded_header_and_a_chunk_extension_hide_nothing(edge: Platform) -> None:
    folded = (
        b"GET /x/demo/edge/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"X-A: b\r\n Picloud-Auth: c\r\n\r\n"
    )
    answer = raw(edge, folded)
    assert statuses(answer) in ([200], [400])
    assert b"picloud-auth" not in answer.partition(b"\r\n\r\n")[2]
    extended = (
        b"POST /x/demo/edge/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n3;a=b;c\r\nabc\r\n0\r\n"
        b"Picloud-Auth: kind=token\r\n\r\n"
    )
    answer = raw(edge, extended)
    assert statuses(answer) in ([200], [400])
    if statuses(answer) == [200]:
        said = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert (said["body"], said["auth"]) == ("abc", None)


@pytest.mark.parametrize("path", ["/x/demo/edge/large", "/graphql"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused_and_not_kept(
    edge: Platform, path: str, chunked: bool
) -> None:
    before = {
        pid: peak_mb(pid)
        for pid in (edge.part("picloud.orchestrator"), edge.part("picloud.manager"))
    }
    one = b"x" * 2**20

    def parts() -> Iterator[bytes]:
        for _ in range(64):
            yield one

    headers = {"content-type": "application/json"}
    if not chunked:
        headers["content-length"] = str(64 * len(one))
    with httpx.Client(base_url=edge.url, timeout=30) as client:
        try:
            answer = client.post(path, content=parts(), headers=headers)
            assert answer.status_code == 413
            assert "body_too_large" in answer.text or "bytes" in answer.text
        except httpx.WriteError:
            pass  # refused while it was being sent
    for pid, peak in before.items():
        assert peak_mb(pid) - peak < 48


def test_nobody_outside_says_where_they_come_from_or_who_they_are(edge: Platform) -> None:
    forged = {
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "https",
        "x-forwarded-port": "1",
        "x-forwarded-prefix": "/evil",
        "forwarded": "for=203.0.113.9;host=evil.example;proto=https",
        "x-real-ip": "203.0.113.9",
        "x-picloud-app": "other",
        "x-picloud-invocation": "1",
        "picloud-auth": "kind=session&subject=admin",
        "picloud-token": "pic_x",
        "cookie": "picloud_session=pcs_x",
    }
    with edge.client() as client:
        said = client.get("/x/demo/edge/a", headers=forged).json()
    assert said["client"] in ("127.0.0.1", "::1")
    assert said["url"] == f"{edge.url}/x/demo/edge/a"
    assert said["auth"] is None
    assert set(said["headers"]) & set(forged) == set()


def test_a_rate_is_counted_by_the_real_address(edge: Platform) -> None:
    edge.pic("routes", "set", "/edge", "--app", "demo", "--rate", "2/h/client")
    try:
        with edge.client() as client:
            answers = [
                client.get("/x/demo/edge", headers={"x-forwarded-for": f"203.0.113.{number}"})
                for number in range(4)
            ]
    finally:
        edge.pic("routes", "set", "/edge", "--app", "demo", "--no-rate")
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]


def test_a_request_is_input_and_says_nothing_of_what_runs(edge: Platform) -> None:
    fields = {
        "code": "def handler(request): return 'evil'",
        "entrypoint": "os.system",
        "env": {"PATH": "/evil"},
        "version": 0,
        "script": "hello",
    }
    with edge.client() as client:
        said = client.post(
            "/x/demo/edge/a", params={"code": "1", "version": "0"}, json=fields
        ).json()
    assert json.loads(said["body"]) == fields
    assert said["query"] == {"code": "1", "version": "0"}


def test_ten_thousand_ranges_cost_nothing(edge: Platform) -> None:
    """As many as the front door lets in, of a file that the manager serves."""
    manager = edge.part("picloud.manager")
    with edge.client() as client:
        page = client.get("/graphql", headers={"accept": "text/html"})
        asset = urljoin(str(page.url), page.text.partition('src="')[2].partition('"')[0])
        whole = client.get(asset)
        assert whole.status_code == 200
        before = cpu_seconds(manager)
        ranges = "bytes=" + ",".join(f"{number}-" for number in range(9_000))
        answer = client.get(asset, headers={"range": ranges})
        assert answer.status_code in (200, 206, 400, 416, 431)
        assert len(answer.content) <= len(whole.content) + 1000
        assert cpu_seconds(manager) - before < 0.5
    many = b"bytes=" + b"0-0," * 100_000 + b"0-0"
    head = b"GET /graphql HTTP/1.1\r\nHost: localhost\r\nRange: " + many + b"\r\n\r\n"
    assert statuses(raw(edge, head)) in ([431], [])  # closed before all of it was sent


def test_only_the_api_speaks_websocket(edge: Platform) -> None:
    """Every route of the manager, found in the application itself, and the node's."""
    people = SimpleNamespace(single_sign_on=None)
    urls = SimpleNamespace(base=edge.url)
    services = cast("Any", SimpleNamespace(pool=None, people=people, urls=urls))
    app = make_app(services=services, playground_dir=Path("/"), max_upload=1)
    known = {route.path for route in app.routes if isinstance(route, WebSocketRoute)}
    assert known == {"/graphql"}
    paths = {route.path for route in app.routes if isinstance(route, Route | Mount)} - known
    for path in sorted(paths | {"/x/demo/edge", "/x/demo/edge/a", "/x/nobody/a", "/nowhere"}):
        with pytest.raises(websockets.InvalidStatus) as refused:
            connect(f"ws://localhost:{edge.port}{path}").close()
        assert refused.value.response.status_code != 101, path
    host = {"Host": f"demo.localhost:{edge.port}"}
    with pytest.raises(websockets.InvalidStatus):
        connect(f"ws://localhost:{edge.port}/edge", additional_headers=host).close()


def test_a_websocket_says_who_asks_before_anything_else_and_no_more_than_it_may(
    edge: Platform,
) -> None:
    address = f"ws://localhost:{edge.port}/graphql"
    for origin in ("null", "https://evil.example", "http://demo.localhost"):
        with pytest.raises(websockets.InvalidStatus) as refused:
            connect(address, origin=Origin(origin), subprotocols=PROTOCOLS).close()
        assert refused.value.response.status_code == 403
    with connect(address, subprotocols=PROTOCOLS) as socket:
        assert "permessage-deflate" not in str(socket.response)
        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": "{ a }"}}))
        with pytest.raises(websockets.ConnectionClosed) as closed:
            socket.recv(timeout=20)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
    with connect(address, subprotocols=PROTOCOLS) as socket, pytest.raises(ConnectionError):
        flood(socket)


def flood(socket: ClientConnection) -> None:
    """Send a message that is too large. Raises ConnectionError when it is not taken."""
    try:
        socket.send("x" * 2**24)
        socket.recv(timeout=20)
    except websockets.ConnectionClosed as error:
        raise ConnectionError from error


def peak_mb(pid: int) -> int:
    """The most memory a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) // 1024


def cpu_seconds(pid: int) -> float:
    """The processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
