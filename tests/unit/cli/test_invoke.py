"""`pic invoke`: the bytes of the answer on stdout, everything else beside them."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import Response, StreamingResponse

from support.fake_platform import TOKEN, FakePlatform

from .conftest import Pic

ID = {"picloud-invocation-id": "01890000-0000-7000-8000-000000000001"}


@pytest.fixture(autouse=True)
def endpoint(platform: FakePlatform) -> None:
    platform.endpoints["/x/demo/hello"] = Response(b"\x00raw\xff", headers=ID)


def test_body_comes_out_raw_and_alone(pic: Pic) -> None:
    result = pic("invoke", "demo/hello")
    assert (result.exit_code, result.stdout_bytes, result.stderr) == (0, b"\x00raw\xff", "")


def test_the_log_in_never_reaches_a_script(pic: Pic, platform: FakePlatform) -> None:
    pic("invoke", "demo/hello")
    request, _ = platform.requests[0]
    assert "authorization" not in request.headers
    assert TOKEN not in repr(request.headers)


def test_path_and_query_are_added_and_encoded(pic: Pic, platform: FakePlatform) -> None:
    pic("invoke", "demo/hello", "--path", "?name=Ä b&c=%20")
    request, _ = platform.requests[0]
    assert request.url.path == "/x/demo/hello"
    assert request.url.query == "name=%C3%84%20b&c=%20"


def test_path_must_start_with_a_slash_or_a_question_mark(pic: Pic) -> None:
    assert pic("invoke", "demo/hello", "--path", "name=x").exit_code == 2


@pytest.mark.parametrize(
    ("data", "sent", "content_type"),
    [
        ('{"a": 1}', b'{"a": 1}', "application/json"),
        ("plain", b"plain", "text/plain; charset=utf-8"),
        ("-", b"\xff\x00", "application/octet-stream"),
        ("@FILE", b"1,2\n", "text/plain; charset=utf-8"),
    ],
)
def test_data_is_posted_with_a_fitting_type(
    pic: Pic, platform: FakePlatform, tmp_path: Path, data: str, sent: bytes, content_type: str
) -> None:
    (tmp_path / "data").write_bytes(b"1,2\n")
    data = data.replace("FILE", str(tmp_path / "data"))
    assert pic("invoke", "demo/hello", "-d", data, stdin=b"\xff\x00").exit_code == 0
    request, body = platform.requests[0]
    assert (request.method, body) == ("POST", sent)
    assert request.headers["content-type"] == content_type


def test_method_and_headers_are_the_users(pic: Pic, platform: FakePlatform) -> None:
    headers = ("-H", "Content-Type: text/csv", "-H", "x-a: 1", "-H", "X-A: 2")
    pic("invoke", "demo/hello", "-X", "put", "-d", "a", *headers)
    request, _ = platform.requests[0]
    assert request.method == "PUT"
    assert request.headers["content-type"] == "text/csv"
    assert request.headers["x-a"] == "1, 2"


@pytest.mark.parametrize("header", ["novalue", ": x", "a: b\r\nc: d"])
def test_malformed_headers_are_usage_errors(pic: Pic, header: str) -> None:
    assert pic("invoke", "demo/hello", "-H", header).exit_code == 2


@pytest.mark.parametrize(
    "arguments", [("-X", "GE T"), ("-X", "GET\r\nx: y"), ("-H", "a b: c"), ("-H", "a: \u6f22")]
)
def test_what_http_can_not_carry_is_a_usage_error(pic: Pic, arguments: tuple[str, str]) -> None:
    result = pic("invoke", "demo/hello", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")


def test_odd_names_and_bytes_are_sent_as_they_are(pic: Pic, platform: FakePlatform) -> None:
    assert pic("invoke", "d mo/h?llo", "-d", "\udcff").exit_code == 1
    request, body = platform.requests[0]
    assert request.scope["raw_path"] == b"/x/d%20mo/h%3Fllo"
    assert body == b"\xff"


def test_include_and_verbose_write_to_stderr(pic: Pic) -> None:
    short = pic("invoke", "demo/hello", "-i").stderr
    assert short == f"< 200 invocation {ID['picloud-invocation-id']}\n"
    long = pic("invoke", "demo/hello", "-v").stderr
    assert "> GET http://127.0.0.1" in long
    assert "< content-length: 5" in long


def test_a_status_of_400_or_more_fails_but_prints_the_body(
    pic: Pic, platform: FakePlatform
) -> None:
    platform.endpoints["/x/demo/hello"] = Response(b"broken", status_code=500, headers=ID)
    result = pic("invoke", "demo/hello")
    assert (result.exit_code, result.stdout) == (1, "broken")
    assert "demo/hello answered 500 (invocation 0189" in result.stderr
    assert "pic logs demo/hello" in result.stderr


def test_an_unknown_script_fails_with_a_hint(pic: Pic) -> None:
    result = pic("invoke", "demo/none")
    assert (result.exit_code, "pic scripts list --app demo" in result.stderr) == (1, True)


def test_json_holds_status_headers_and_body(pic: Pic, platform: FakePlatform) -> None:
    document = json.loads(pic("invoke", "demo/hello", "--json").stdout)
    assert document["status"] == 200
    assert document["invocationId"] == ID["picloud-invocation-id"]
    assert document["body"] is None
    assert base64.b64decode(document["bodyBase64"]) == b"\x00raw\xff"
    assert {"name": "content-length", "value": "5"} in document["headers"]
    platform.endpoints["/x/demo/hello"] = Response("ä", status_code=404)
    result = pic("invoke", "demo/hello", "--json")
    assert (result.exit_code, result.stderr) == (1, "")
    assert json.loads(result.stdout)["body"] == "ä"


def test_an_answer_that_breaks_off_is_an_error(pic: Pic, platform: FakePlatform) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"first"
        raise ConnectionAbortedError

    platform.endpoints["/x/demo/hello"] = StreamingResponse(chunks())
    result = pic("invoke", "demo/hello")
    assert (result.exit_code, result.stdout) == (1, "first")
    assert "broke off after 5 bytes" in result.stderr


def test_an_answer_that_comes_before_the_body_is_read_is_shown(pic_alone: Pic) -> None:
    def refuse(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1024)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 5\r\n\r\nlarge")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=refuse, args=[listener])
        server.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        result = pic_alone("invoke", "demo/hello", "-d", "-", stdin=b"x" * 20_000_000, PIC_URL=url)
        server.join()
    assert (result.exit_code, result.stdout) == (1, "large")
    assert "answered 413" in result.stderr


def test_works_without_a_log_in(pic_alone: Pic, platform: FakePlatform) -> None:
    assert pic_alone("invoke", "demo/hello", PIC_URL=platform.url).exit_code == 0
