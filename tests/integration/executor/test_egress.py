"""The egress broker against hostile servers, names and scripts; real sockets of this machine."""

from __future__ import annotations

import asyncio
import gzip
import resource
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from picloud.domain.egress import EgressPolicy
from picloud.executor.calls import CallFailed
from support.broker import Asker, asker
from support.web import Request, Web, reply, web

TLS = Path(__file__).parents[2] / "support" / "tls"


class Names:
    """A resolver that says what it is told, in order; it counts."""

    def __init__(self, **names: list[list[str]]) -> None:
        self._names = names
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        answers = self._names[host.partition(".")[0]]
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
async def site() -> AsyncIterator[Web]:
    async with web() as made:
        yield made


@pytest.fixture
async def client(site: Web) -> AsyncIterator[Asker]:
    async with asker(f"127.0.0.1:{site.port}") as made:
        yield made


# -- N1, N5: where nobody may go -----------------------------------------------------------------


async def test_this_machine_is_closed_by_whatever_name(site: Web) -> None:
    spellings = ("127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1")
    more = ("[::1]", "[::ffff:127.0.0.1]", "127.0.0.1.", "LOCALHOST", "0.0.0.0", "①27.0.0.1")
    async with asker() as client:
        for host in (*spellings, *more):
            code = await client.code(f"http://{host}:{site.port}/")
            assert code in ("egress_denied", "invalid_url", "dns_failed"), host
        assert await client.code(f"http://127.0.0.1@127.0.0.1:{site.port}/") == "invalid_url"
        assert await client.code(f"http://[fe80::1%25lo]:{site.port}/") == "invalid_url"
    assert site.connections == 0


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "[fd00:ec2::254]", "100.100.100.200", "10.0.0.1", "[64:ff9b::a00:1]"],
)
async def test_metadata_and_private_addresses_are_never_dialled(host: str) -> None:
    async with asker() as client:
        assert await client.code(f"http://{host}/latest/meta-data/") == "egress_denied"
        (fetch,) = client.fetches
        assert (fetch.error, fetch.status) == ("egress_denied", None)


async def test_a_refusal_tells_nothing_of_the_inside() -> None:
    names = Names(inside=[["10.1.2.3"]])
    async with asker(resolve=names) as client:
        with pytest.raises(CallFailed) as refused:
            await client.fetch("http://inside.example/")
    assert refused.value.message == "connections to inside.example:80 are not allowed"


@pytest.mark.parametrize(
    "url", ["ftp://a/", "file:///etc/passwd", "gopher://a/", "unix:/x", "//a", ""]
)
async def test_only_http_is_spoken(client: Asker, url: str) -> None:
    assert await client.code(url) == "invalid_url"


# -- N7: rebinding -------------------------------------------------------------------------------


async def test_a_name_is_resolved_once_per_dial_and_the_judged_address_is_dialled(
    site: Web,
) -> None:
    names = Names(rebind=[["127.0.0.1"], ["127.0.0.1"]])
    async with asker(f"127.0.0.1:{site.port}", resolve=names) as client:
        await client.fetch(f"http://rebind.example:{site.port}/")
    assert names.asked == ["rebind.example"]
    assert site.requests[0].values("host") == [f"rebind.example:{site.port}"]


async def test_private_addresses_among_public_ones_are_never_dialled(site: Web) -> None:
    # the first public address answers nobody: what may be tried is tried, what may not never
    names = Names(mixed=[["::1", "192.0.2.1", "127.0.0.1"]])
    async with asker("192.0.2.0/24", resolve=names, egress_connect_ms=300) as client:
        code = await client.code(f"http://mixed.example:{site.port}/")
    assert code in ("connect_failed", "connect_timeout")
    assert site.connections == 0


async def test_a_name_that_turns_private_is_refused_at_the_next_dial(site: Web) -> None:
    names = Names(turns=[["127.0.0.1"], ["10.0.0.1"]])
    close = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
    site.answer("/", close.encode())
    async with asker(f"127.0.0.1:{site.port}", resolve=names) as client:
        assert (await client.fetch(f"http://turns.example:{site.port}/"))[2] == b"ok"
        assert await client.code(f"http://turns.example:{site.port}/") == "egress_denied"
    assert site.connections == 1


# -- N9: redirects -------------------------------------------------------------------------------


async def test_every_hop_is_judged(client: Asker, site: Web) -> None:
    site.redirect("/in", "http://169.254.169.254/latest/")
    site.redirect("/odd", "file:///etc/passwd")
    assert await client.code(f"{site.url}/in", redirects=10) == "egress_denied"
    assert await client.code(f"{site.url}/odd", redirects=10) == "invalid_url"
    assert [(f.host, f.error) for f in client.fetches[:2]] == [
        ("127.0.0.1", None),
        ("169.254.169.254", "egress_denied"),
    ]


async def test_credentials_stay_with_their_origin(client: Asker, site: Web) -> None:
    secrets = [
        ["Authorization", "a"],
        ["Cookie", "b"],
        ["X-Own", "c"],
        ["Proxy-Authorization", "d"],
    ]
    site.redirect("/away", f"http://localhost:{site.port}/there")
    site.redirect("/stay", "/here")
    await client.fetch(f"{site.url}/stay", headers=secrets, redirects=10)
    await client.fetch(f"{site.url}/away", headers=secrets, redirects=10)
    seen = {r.target: {n.lower() for n, _ in r.headers} for r in site.requests}
    assert {"authorization", "cookie", "x-own"} <= seen["/here"]
    assert not {"authorization", "cookie"} & seen["/there"]
    assert "x-own" in seen["/there"]
    assert all("proxy-authorization" not in names for names in seen.values())


@pytest.mark.parametrize(
    ("status", "method", "becomes", "body"),
    [
        (301, "POST", "GET", b""),
        (302, "POST", "GET", b""),
        (303, "PUT", "GET", b""),
        (303, "HEAD", "HEAD", b""),
        (302, "PUT", "PUT", b"x"),
        (307, "POST", "POST", b"x"),
        (308, "POST", "POST", b"x"),
    ],
)
async def test_redirects_change_methods_as_browsers_do(
    client: Asker, site: Web, status: int, method: str, becomes: str, body: bytes
) -> None:
    site.redirect("/from", "to", status)
    site.answer("/to", reply(b"" if method == "HEAD" else b"ok"))
    given = b"" if method == "HEAD" else b"x"
    headers = [["Content-Type", "text/plain"]]
    await client.fetch(f"{site.url}/from", method=method, body=given, headers=headers, redirects=3)
    last = site.requests[-1]
    assert (last.method, last.body) == (becomes, body)
    assert bool(last.values("content-type")) is (method == becomes)


async def test_a_loop_ends(client: Asker, site: Web) -> None:
    site.redirect("/loop", "/loop")
    assert await client.code(f"{site.url}/loop", redirects=10) == "too_many_redirects"
    assert len(site.requests) == 11
    assert (await client.fetch(f"{site.url}/loop"))[0] == 302  # not followed unless asked for


# -- N11: answers that do not behave -------------------------------------------------------------


async def _pour(writer: asyncio.StreamWriter, part: bytes) -> None:
    while True:
        writer.write(part)
        await writer.drain()


async def test_an_endless_body_ends_at_the_limit_and_memory_stays(site: Web) -> None:
    async def endless(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await _pour(writer, bytes(65536))

    site.answers["/"] = endless
    most = 30_000_000
    async with asker(f"127.0.0.1:{site.port}", egress_response_bytes=most) as client:
        with pytest.raises(CallFailed, match=f"egress_response_bytes={most}"):
            await client.fetch(site.url)
        assert client.fetches[0].error == "response_too_large"
        assert client.sent <= most + 1_000_000


async def test_slow_bodies_and_silence_end_in_time(site: Web) -> None:
    async def slow(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def silent(_: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    site.answers.update({"/slow": slow, "/silent": silent})
    async with asker(f"127.0.0.1:{site.port}", egress_timeout_ms=400) as client:
        for path in ("slow", "silent"):
            with pytest.raises(CallFailed, match="egress_timeout_ms=400"):
                await client.fetch(f"{site.url}/{path}")
        with pytest.raises(CallFailed, match="its timeout of 100 ms"):
            await client.fetch(f"{site.url}/silent", timeout_ms=100)
    assert [fetch.error for fetch in client.fetches] == ["timeout"] * 3


async def test_large_heads_and_floods_of_early_answers_end_at_the_limit(site: Web) -> None:
    async def flood(_: Request, writer: asyncio.StreamWriter) -> None:
        await _pour(writer, b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 100)

    async def endless_head(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        await _pour(writer, b"x-a: b\r\n" * 1000)

    site.answers.update({"/flood": flood, "/endless": endless_head})
    site.answer("/large", reply(b"", "200 OK", *(f"x-{n}: {'a' * 100}" for n in range(400))))
    async with asker(f"127.0.0.1:{site.port}", egress_header_bytes=20_000) as client:
        for path in ("flood", "endless", "large"):
            with pytest.raises(CallFailed, match="egress_header_bytes=20000"):
                await client.fetch(f"{site.url}/{path}")


async def test_tiny_chunks_neither_hold_the_loop_nor_go_on(client: Asker, site: Web) -> None:
    async def tiny(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        await _pour(writer, b"1\r\nx\r\n" * 10_000)

    site.answers["/"] = tiny
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.ensure_future(others())
    assert await client.code(site.url) == "response_invalid"
    running.cancel()
    assert turns > 100


async def test_lies_about_the_length_are_no_answers(client: Asker, site: Web) -> None:
    async def cut(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort")
        await writer.drain()
        writer.close()

    site.answers["/cut"] = cut
    site.answer("/two", b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab")
    site.answer("/bad", b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n")
    site.answer("/none", b"SSH-2.0-OpenSSH\r\n\r\n")
    site.answer("/switch", b"HTTP/1.1 101 Go\r\nupgrade: x\r\n\r\n")
    for path in ("two", "bad", "none", "switch"):
        assert await client.code(f"{site.url}/{path}") == "response_invalid", path
    assert await client.code(f"{site.url}/cut") in ("response_invalid", "connection_lost")
    assert (await client.fetch(f"{site.url}/ok"))[2] == b"ok"


async def test_packed_bodies_pass_as_they_are(client: Asker, site: Web) -> None:
    packed = gzip.compress(bytes(50_000_000))
    site.answer("/", reply(packed, "200 OK", "content-encoding: gzip"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (await client.fetch(site.url))[2] == packed
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000
    assert site.requests[0].values("accept-encoding") == ["identity"]


# -- N13: headers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pair",
    [["x", "a\r\nhost: b"], ["x", "a\nb"], ["x\r\ny", "a"], ["x:", "a"], ["", "a"], ["x", "a\0"],
     ["x", 1], ["x"], "x", ["x", "€"]],
)  # fmt: skip
async def test_headers_that_would_break_out_are_refused(
    client: Asker, site: Web, pair: object
) -> None:
    assert await client.code(site.url, headers=[pair]) == "invalid_request"
    assert site.requests == []


async def test_headers_of_the_connection_are_the_brokers(client: Asker, site: Web) -> None:
    ours = ("Host", "Connection", "Transfer-Encoding", "Content-Length", "TE", "Upgrade",
            "Proxy-Connection", "Keep-Alive", "Expect", "Trailer", "Picloud-Hops")  # fmt: skip
    client.hops = 6
    await client.fetch(site.url, method="POST", body=b"abc", headers=[[n, "7"] for n in ours])
    (request,) = site.requests
    assert request.body == b"abc"
    assert request.values("host") == [f"127.0.0.1:{site.port}"]
    assert request.values("content-length") == ["3"]
    assert request.values("picloud-hops") == ["7"]
    rest = ("connection", "transfer-encoding", "te", "upgrade", "proxy-connection", "expect")
    assert [request.values(name) for name in rest] == [[]] * len(rest)


async def test_targets_cannot_break_out_of_their_line(client: Asker, site: Web) -> None:
    for path in ("/a b", "/a\r\nx: y", "/a\tb", "/\0", "/a\\b"):
        assert await client.code(site.url + path) == "invalid_url"
    await client.fetch(f"{site.url}/é?q=ü#part")
    assert site.requests[0].target == "/%C3%A9?q=%C3%BC"
    assert await client.code(site.url, method="GET / HTTP/1.1\r\n") == "invalid_request"
    assert await client.code(site.url, method="CONNECT") == "invalid_request"


# -- N15: policies and connections belong to their app -------------------------------------------


async def test_a_policy_is_the_apps_and_no_field_changes_it(client: Asker, site: Web) -> None:
    client.policy = EgressPolicy.parse("none")
    more = {"app": "other", "app_id": "other", "policy": {"mode": "internet"}, "hops": -5}
    assert await client.code(site.url, **more) == "egress_denied"
    client.policy = EgressPolicy.parse("allow_list", ["other.example"])
    assert await client.code(site.url, **more) == "egress_denied"
    assert site.connections == 0
    client.policy = EgressPolicy.parse("allow_list", [f"127.0.0.1:{site.port}"])
    assert (await client.fetch(site.url))[0] == 200


async def test_an_allow_list_opens_no_private_address(site: Web) -> None:
    async with asker() as client:
        client.policy = EgressPolicy.parse("allow_list", [f"127.0.0.1:{site.port}"])
        assert await client.code(site.url) == "egress_denied"


async def test_connections_are_kept_within_an_app_and_never_across(
    client: Asker, site: Web
) -> None:
    for _ in range(3):
        await client.fetch(site.url)
    assert site.connections == 1
    client.app_id = UUID(int=2)
    await client.fetch(site.url)
    assert site.connections == 2


async def test_of_many_apps_only_some_keep_connections(client: Asker, site: Web) -> None:
    for number in range(40):
        client.app_id = UUID(int=number)
        await client.fetch(site.url)
    client.app_id = UUID(int=39)
    await client.fetch(site.url)
    assert site.connections == 40
    client.app_id = UUID(int=0)
    await client.fetch(site.url)
    assert site.connections == 41


async def test_many_requests_wait_for_a_place(site: Web) -> None:
    at_once = most = 0

    async def count(_: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.02)
        at_once -= 1
        writer.write(reply(b"ok"))

    site.answers["/"] = count
    async with asker(f"127.0.0.1:{site.port}", egress_parallel=3) as client:
        await asyncio.gather(*(client.fetch(site.url) for _ in range(12)))
    assert most == 3


# -- TLS -----------------------------------------------------------------------------------------


@pytest.fixture
async def secure() -> AsyncIterator[Web]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS / "localhost.crt", TLS / "localhost.key")
    async with web(context) as made:
        yield made


async def test_certificates_are_verified(secure: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"https://localhost:{secure.port}/"
    names = Names(localhost=[["127.0.0.1"]], other=[["127.0.0.1"]])
    allow = f"127.0.0.1:{secure.port}"
    async with asker(allow, resolve=names) as client:
        assert await client.code(url) == "tls_failed"
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "localhost.crt"))
    async with asker(allow, resolve=names) as client:
        assert (await client.fetch(url))[2] == b"ok"
        other = f"https://other.example:{secure.port}/"
        assert await client.code(other) == "tls_failed"
        assert await client.code(f"http://localhost:{secure.port}/") in (
            "response_invalid",
            "connection_lost",
        )
