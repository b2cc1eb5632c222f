"""What scripts reach the outside with: pic.fetch and the HTTP clients they know."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import zipfile
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from picloud.domain.egress import Allowance
from picloud.executor.egress.addresses import AddressRules
from picloud.executor.egress.broker import Broker
from picloud.executor.egress.limits import EgressLimits
from picloud.executor.egress.network import Resolver
from picloud.setup import runner, steps
from support.calling import Calling, calling
from support.web import Request, Web, reply, web

ROOT = Path(__file__).parents[3]
SYNC = """
import pic
def handler(request):
    try:
        return [eval(request.text(), globals())]
    except Exception as error:
        return [type(error).__name__, getattr(error, "code", None), str(error)]
"""
ASYNC = """
import asyncio, pic
async def lengths(*urls):
    return [len(r.body) for r in await asyncio.gather(*[pic.afetch(url) for url in urls])]
async def pyfetched(awaitable):
    response = await awaitable
    return [response.status, response.headers["x-a"], await response.json()]
async def handler(request):
    try:
        return [await eval(request.text(), globals())]
    except Exception as error:
        return [type(error).__name__, getattr(error, "code", None), str(error)]
"""
MOUNT = """
import base64, sys
with open("/tmp/packages.zip", "wb") as file:
    file.write(base64.b85decode({packages!r}))
sys.path.insert(0, "/tmp/packages.zip")
"""


@pytest.fixture
async def site() -> AsyncIterator[Web]:
    async with web() as made:
        yield made


@pytest.fixture
async def broker(site: Web) -> AsyncIterator[Broker]:
    rules = AddressRules([Allowance.parse(f"127.0.0.1:{site.port}")])
    made = Broker(EgressLimits(egress_response_bytes=1_000_000), rules, Resolver())
    yield made
    await made.close()


@pytest.fixture
async def sync(broker: Broker, snapshot: Path) -> AsyncIterator[Calling]:
    async with calling(SYNC, broker, snapshot) as made:
        yield made


@pytest.fixture
async def interleaved(broker: Broker, snapshot: Path) -> AsyncIterator[Calling]:
    async with calling(ASYNC, broker, snapshot) as made:
        yield made


def mount(*packages: str) -> str:
    """Source that puts these pure Python packages on sys.path."""
    runner.ensure([steps.guest_packages(ROOT)], ROOT / ".picloud")
    home = ROOT / ".picloud" / "test-guest"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for package in packages:
            found = home / package
            for file in [found] if found.is_file() else sorted(found.rglob("*")):
                if file.suffix in (".py", ".pem"):
                    archive.write(file, file.relative_to(home))
    return MOUNT.format(packages=base64.b85encode(packed.getvalue()).decode())


async def test_fetch_sends_a_request_and_gives_its_answer(sync: Calling, site: Web) -> None:
    site.answer("/a", reply(b'{"x": 1}', "201 Made", "x-a: 1", "x-a: 2"))
    said = "(lambda r: [r.status, r.ok, r.json(), r.headers.get_all('X-A'), r.url])"
    call = f"pic.fetch('{site.url}/a?b=c', method='PUT', headers={{'X-B': 'é'}}, json={{'y': 2}})"
    (answer,) = await sync.call(body=f"{said}({call})".encode())
    assert answer == [201, True, {"x": 1}, ["1", "2"], f"{site.url}/a?b=c"]
    (request,) = site.requests
    assert (request.method, request.target, request.body) == ("PUT", "/a?b=c", b'{"y": 2}')
    assert request.values("content-type") == ["application/json"]
    assert request.values("x-b") == ["é"]
    (fetch,) = sync.invocation.fetches
    assert (fetch.status, fetch.error, fetch.bytes_out, fetch.bytes_in) == (201, None, 8, 8)


async def test_bodies_of_any_size_arrive_whole_both_ways(sync: Calling, site: Web) -> None:
    async def echo(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(request.body))

    site.answers["/echo"] = echo
    for size in (0, 1, 61_439, 61_440, 61_441, 65_536, 999_999):
        code = f"(lambda b: pic.fetch('{site.url}/echo', method='POST', body=b).body == b)"
        expression = f"{code}((bytes(range(256)) * 4000)[:{size}])"
        assert await sync.call(body=expression.encode()) == [True]
        assert len(site.requests[-1].body) == size


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw deflate"])
async def test_packed_answers_are_unpacked(sync: Calling, site: Web, encoding: str) -> None:
    raw = zlib.compressobj(wbits=-15)
    body = {
        "gzip": gzip.compress(b"hello") + gzip.compress(b" world"),
        "deflate": zlib.compress(b"hello world"),
        "raw deflate": raw.compress(b"hello world") + raw.flush(),
    }[encoding]
    site.answer("/", reply(body, "200 OK", f"content-encoding: {encoding.removeprefix('raw ')}"))
    call = f"(lambda r: [r.text(), dict(r.headers)])(pic.fetch('{site.url}/'))"
    assert await sync.call(body=call.encode()) == [["hello world", {"content-length": "11"}]]


async def test_a_bomb_ends_at_the_limit(sync: Calling, site: Web) -> None:
    bomb = gzip.compress(gzip.compress(bytes(300_000_000)))
    site.answer("/", reply(bomb, "200 OK", "content-encoding: gzip, gzip"))
    answer = await sync.call(body=f"pic.fetch('{site.url}/').status".encode())
    said = "the answer unpacks to more than egress_response_bytes=1000000"
    assert answer == ["FetchError", "response_too_large", said]
    assert await sync.call(body=b"1") == [1]


async def test_errors_have_a_code_and_leave_the_sandbox_whole(sync: Calling, site: Web) -> None:
    async def code(call: str) -> Any:
        return (await sync.call(body=call.encode()))[1]

    site.answer("/bad", b"nonsense\r\n\r\n")
    site.answer("/404", reply(b"", "404 Not Found"))
    assert await code("pic.fetch('http://127.0.0.1:1/')") == "egress_denied"
    assert await code("pic.fetch('ftp://example.com/')") == "invalid_url"
    assert await code(f"pic.fetch('{site.url}/', headers={{'a b': 'c'}})") == "invalid_request"
    assert (
        await code(f"pic.fetch('{site.url}/', headers={{'a': 'c' * 300_000}})") == "invalid_request"
    )
    assert await code(f"pic.fetch('{site.url}/bad')") == "response_invalid"
    assert await code(f"pic.fetch('{site.url}/404').raise_for_status()") == "bad_status"
    assert await sync.call(body=f"pic.fetch('{site.url}/').text()".encode()) == ["ok"]


async def test_a_blocked_handler_gets_its_result_when_its_time_is_over(
    sync: Calling, site: Web
) -> None:
    async def hang(_: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    site.answers["/hang"] = hang
    sync.seconds = 0.2
    answer = await sync.call(body=f"pic.fetch('{site.url}/hang')".encode())
    assert answer == ["FetchError", "timeout", "the invocation's time is over"]
    sync.seconds = 60
    answer = await sync.call(body=f"pic.fetch('{site.url}/hang', timeout=0.1)".encode())
    assert answer == ["FetchError", "timeout", "the request took longer than its timeout of 100 ms"]
    assert await sync.call(body=b"1") == [1]


async def test_an_import_may_fetch(broker: Broker, site: Web, snapshot: Path) -> None:
    source = f"import pic\nFOUND = pic.fetch('{site.url}/').text()\ndef handler(r): return [FOUND]"
    async with calling(source, broker, snapshot) as sandbox:
        assert await sandbox.call() == ["ok"]


async def test_async_fetches_go_side_by_side(interleaved: Calling, site: Web) -> None:
    arrived, release = asyncio.Semaphore(0), asyncio.Event()

    async def together(_: Request, writer: asyncio.StreamWriter) -> None:
        arrived.release()
        await release.wait()
        writer.write(reply(b"together" * 20_000))

    site.answers["/together"] = together
    call = f"lengths(*['{site.url}/together'] * 8)"
    answer = asyncio.ensure_future(interleaved.call(body=call.encode()))
    for _ in range(8):
        await arrived.acquire()
    assert await interleaved.call(body=b"asyncio.sleep(0, 'free')") == ["free"]
    release.set()
    assert await answer == [[160_000] * 8]


async def test_more_async_fetches_than_are_served_at_a_time_all_end(
    interleaved: Calling, site: Web
) -> None:
    call = f"lengths(*['{site.url}/'] * 200)"
    assert await interleaved.call(body=call.encode()) == [[2] * 200]
    assert interleaved.calls.open == 0


async def test_a_cancelled_fetch_leaves_the_others_alone(interleaved: Calling, site: Web) -> None:
    async def hang(_: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    site.answers["/hang"] = hang
    call = f"asyncio.wait_for(pic.afetch('{site.url}/hang'), 0.05)"
    assert (await interleaved.call(body=call.encode()))[0] == "TimeoutError"
    assert await interleaved.call(body=f"lengths('{site.url}/')".encode()) == [[2]]


LEAVES_ONE = """
import asyncio, pic
tasks = []
async def handler(request):
    url = request.text()
    tasks.append(asyncio.create_task(pic.afetch(url + "/late")))
    await asyncio.sleep(0)
    own = await pic.afetch(url + "/own")
    return [own.text(), pic.fetch(url + "/blocking").text(), len(tasks)]
"""


async def test_no_request_sees_the_result_of_one_before_its_time(
    broker: Broker, site: Web, snapshot: Path
) -> None:
    async def late(_: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.002)
        writer.write(reply(b"of another request"))

    site.answers["/late"] = late
    async with calling(LEAVES_ONE, broker, snapshot, isolation="invocation") as sandbox:
        for _ in range(30):
            assert await sandbox.call(body=site.url.encode()) == ["ok", "ok", 1]
    assert not sandbox.lost.done() or sandbox.lost.result() is None


async def test_asyncio_run_in_a_sync_handler_can_fetch(sync: Calling, site: Web) -> None:
    call = f"__import__('asyncio').run(pic.afetch('{site.url}/')).text()"
    assert await sync.call(body=call.encode()) == ["ok"]


async def test_urllib_and_http_client(sync: Calling, site: Web) -> None:
    site.redirect("/from", f"{site.url}/to")
    site.answer("/500", reply(b"broken", "500 Oh"))
    module = "__import__('urllib.request').request"
    read = f"{module}.urlopen({module}.Request('{site.url}/from', data=b'x=1')).read().decode()"
    assert await sync.call(body=read.encode()) == ["ok"]
    assert [(r.method, r.target, r.body) for r in site.requests] == [
        ("POST", "/from", b"x=1"),
        ("GET", "/to", b""),
    ]
    answer = await sync.call(body=f"{module}.urlopen('{site.url}/500')".encode())
    assert answer[:2] == ["HTTPError", 500]
    answer = await sync.call(body=f"{module}.urlopen('http://127.0.0.1:1/')".encode())
    assert answer[0] == "URLError"
    assert "egress_denied" in answer[2]
    twice = (
        f"(lambda c: [(c.request('HEAD', '/h'), c.getresponse().read().decode()) for _ in 'ab'])"
        f"(__import__('http.client').client.HTTPConnection('127.0.0.1', {site.port}))"
    )
    site.answer("/h", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")
    assert await sync.call(body=twice.encode()) == [[[None, ""]] * 2]


async def test_urllib_takes_no_credentials_to_another_origin(
    broker: Broker, site: Web, snapshot: Path
) -> None:
    site.redirect("/away", f"http://localhost:{site.port}/elsewhere")
    site.redirect("/stay", f"{site.url}/here")
    module = "__import__('urllib.request').request"
    async with calling(SYNC, broker, snapshot) as sandbox:
        for path in ("away", "stay"):
            headers = "{'Authorization': 'secret', 'X-A': 'b'}"
            request = f"{module}.Request('{site.url}/{path}', headers={headers})"
            await sandbox.call(body=f"{module}.urlopen({request}).status".encode())
    sent = {r.target: r.values("authorization") + r.values("x-a") for r in site.requests}
    assert sent["/elsewhere"] == ["b"]
    assert sent["/here"] == ["secret", "b"]


async def test_pyodide_http(interleaved: Calling, site: Web) -> None:
    site.answer("/j", reply(b'{"a": 1}', "200 OK", "x-a: 1"))
    module = "__import__('pyodide.http').http"
    read = f"{module}.open_url('{site.url}/j').read()"
    assert await interleaved.call(body=f"asyncio.sleep(0, {read})".encode()) == ['{"a": 1}']
    post = f"{module}.pyfetch('{site.url}/j', method='POST', body='b', headers={{'x-c': 'd'}})"
    assert await interleaved.call(body=f"pyfetched({post})".encode()) == [[200, "1", {"a": 1}]]
    assert (site.requests[-1].method, site.requests[-1].body) == ("POST", b"b")
    denied = f"{module}.pyfetch('http://127.0.0.1:1/')"
    answer = await interleaved.call(body=f"pyfetched({denied})".encode())
    assert answer[0] == "OSError"
    assert "egress_denied" in answer[2]


REQUESTS = """
import json, requests, urllib3
def handler(request):
    url = request.text()
    session = requests.Session()
    posted = session.post(url + "/j", json={"a": 1}, params={"q": "é"}, auth=("me", "secret"))
    moved = session.get(url + "/from")
    try:
        requests.get("http://127.0.0.1:1/")
    except requests.ConnectionError as error:
        denied = "egress_denied" in str(error)
    try:
        requests.get(url + "/hang", timeout=0.2)
    except requests.Timeout:
        late = True
    pool = urllib3.PoolManager()
    plain = pool.request("GET", url + "/packed", headers={"x-a": "b"})
    streamed = requests.get(url + "/packed", stream=True)
    return [
        posted.json(), posted.headers["x-a"], moved.url, [r.status_code for r in moved.history],
        session.cookies.get("c"), denied, late, plain.status, plain.data.decode(),
        b"".join(streamed.iter_content(3)).decode(),
    ]
"""


async def test_requests_and_urllib3(broker: Broker, site: Web, snapshot: Path) -> None:
    async def hang(_: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    site.answers["/hang"] = hang
    site.answer("/j", reply(b'{"b": 2}', "200 OK", "x-a: 1", "content-type: application/json"))
    site.answer("/from", reply(b"", "302 Go", "location: /to", "set-cookie: c=d"))
    site.answer("/packed", reply(gzip.compress(b"packed"), "200 OK", "content-encoding: gzip"))
    packages = mount("requests", "urllib3", "idna", "certifi", "charset_normalizer")
    async with calling(packages + REQUESTS, broker, snapshot) as sandbox:
        answer = await sandbox.call(body=site.url.encode())
    moved = [f"{site.url}/to", [302], "d"]
    assert answer == [{"b": 2}, "1", *moved, True, True, 200, "packed", "packed"]
    posted = site.requests[0]
    assert (posted.target, posted.body) == ("/j?q=%C3%A9", b'{"a": 1}')
    basic = base64.b64encode(b"me:secret").decode()
    assert posted.values("authorization") == [f"Basic {basic}"]


HTTPX = """
import httpx
async def handler(request):
    url = request.text()
    with httpx.Client(follow_redirects=True) as client:
        posted = client.post(url + "/j", json={"a": 1}, params={"q": "é"}, auth=("me", "secret"))
        moved = client.get(url + "/from")
    try:
        httpx.get("http://127.0.0.1:1/")
    except httpx.ConnectError as error:
        denied = str(error)
    async with httpx.AsyncClient(base_url=url, timeout=0.3) as client:
        packed = await client.get("/packed")
        try:
            await client.get("/hang")
        except httpx.TimeoutException:
            late = True
        async with client.stream("GET", "/packed") as streamed:
            parts = [part async for part in streamed.aiter_bytes()]
    return [
        posted.json(), posted.headers["x-a"], str(moved.url), len(moved.history),
        denied, packed.text, late, b"".join(parts).decode(),
    ]
"""


async def test_httpx(broker: Broker, site: Web, snapshot: Path) -> None:
    async def hang(_: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    site.answers["/hang"] = hang
    site.answer("/j", reply(b'{"b": 2}', "200 OK", "x-a: 1"))
    site.redirect("/from", "/to")
    site.answer("/packed", reply(gzip.compress(b"packed"), "200 OK", "content-encoding: gzip"))
    packages = mount(
        *("httpx", "httpcore", "h11", "anyio", "idna", "certifi", "typing_extensions.py")
    )
    async with calling(packages + HTTPX, broker, snapshot) as sandbox:
        answer = await sandbox.call(body=site.url.encode())
    denied = "egress_denied: connections to 127.0.0.1:1 are not allowed"
    assert answer == [{"b": 2}, "1", f"{site.url}/to", 1, denied, "packed", True, "packed"]
    assert site.requests[0].target == "/j?q=%C3%A9"
