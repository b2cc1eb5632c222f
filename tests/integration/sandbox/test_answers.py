"""What a handler may return, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.sandbox_client import Box

Start = Callable[..., Box]


@pytest.mark.parametrize(
    ("result", "status", "content_type", "body"),
    [
        ('{"a": [1, None, "é"]}', 200, "application/json", '{"a": [1, null, "é"]}'),
        ("[1, 2]", 200, "application/json", "[1, 2]"),
        ('"hé"', 200, "text/plain; charset=utf-8", "hé"),
        ('b"raw"', 200, "application/octet-stream", "raw"),
        ("None", 204, None, ""),
        ('("made", 201)', 201, "text/plain; charset=utf-8", "made"),
        ('({"a": 1}, 202, {"X-Kind": "b"})', 202, "application/json", '{"a": 1}'),
        ('("<p>", 200, {"content-type": "text/html"})', 200, "text/html", "<p>"),
        ('pic.Response("x", 418, content_type="text/css")', 418, "text/css", "x"),
        ("pic.Response({}, headers=[('a', 'b')])", 200, "application/json", "{}"),
        ('(None, 302, {"location": "/there"})', 302, None, ""),
    ],
)
@pytest.mark.parametrize("path", ["/sync", "/async"])
def test_every_allowed_result_becomes_an_answer(
    evaluator: Box, path: str, result: str, status: int, content_type: str | None, body: str
) -> None:
    answer = evaluator.call(path=path, body=result.encode())
    assert answer.status == status
    assert answer.headers.get("content-type") == content_type
    assert answer.body.decode() == body


def test_headers_of_the_script_arrive(start: Start) -> None:
    box = start(
        "import pic\n"
        "def handler(request):\n"
        "    r = pic.Response('x', headers={'X-Kind': 'b', 'Content-Length': '99'})\n"
        "    r.set_cookie('sid', 'a b', max_age=60)\n"
        "    return r\n"
    )
    headers = box.call().headers
    assert headers["x-kind"] == "b"
    assert "content-length" not in headers
    assert headers["set-cookie"].startswith('sid="a b"; ')


@pytest.mark.parametrize(
    ("result", "says"),
    [
        ("object()", "the handler returned an object; allowed are a dict or list (JSON), str"),
        ("{1, 2}", "the handler returned a set"),
        ("{'a': object()}", "a value of type object can't be turned into JSON"),
        ("{'a': float('nan')}", "not JSON"),
        ("('x', 'ok')", "the status is a str; allowed is an int from 200 to 599"),
        ("('x', 99)", "the status is 99; allowed are 200 to 599"),
        ("('x', True)", "the status is a bool"),
        ("('x',)", "a tuple of 1"),
        ("('x', 200, 7)", "the headers are an int"),
        ("('x', 200, {'a': 1})", "has an int as value"),
        ("('x', 200, {'a b': '1'})", "'a b' is not the name of a header"),
        ("('x', 200, {'a': '1\\r\\nb: 2'})", "control characters"),
        ("('x', 204)", "status 204 can't have a body"),
        ("'\\ud800'", "not text"),
        ("lambda: 1", "the handler returned a function"),
    ],
)
def test_what_can_not_be_an_answer_is_named(evaluator: Box, result: str, says: str) -> None:
    answer = evaluator.call(body=result.encode())
    assert answer.error is not None
    assert answer.error["code"] == "answer_invalid"
    assert answer.error["outcome"] == "script_error"
    assert says in answer.error["message"]
    assert evaluator.call(body=b"'on'").body == b"on"


def test_a_circular_answer_is_an_error_and_the_next_one_works(start: Start) -> None:
    box = start(
        "calls = []\n"
        "def handler(request):\n"
        "    calls.append(1)\n"
        "    loop = []\n"
        "    loop.append(loop)\n"
        "    return loop if len(calls) == 1 else calls\n"
    )
    error = box.call().error
    assert error is not None
    assert "ircular" in error["message"]
    assert box.call().json == [1, 1]


def test_a_large_answer_waits_for_credit_and_names_its_length(start: Start) -> None:
    size = 3 * 1024 * 1024
    box = start(f"def handler(request):\n    return b'x' * {size}\n")
    stream = box.invoke()
    first = box.receive()
    assert first[1] == 0
    sent = len(first[3])
    while not box.is_silent(0.2):
        sent += len(box.receive()[3])
    assert 256 * 1024 <= sent < 257 * 1024
    from picloud.executor import frames

    box.send(frames.encode_window(stream, size))
    rest = box.answer(stream)
    assert len(rest.body) == size - 256 * 1024
    assert box.call().headers["content-length"] == str(size)


def test_an_answer_beyond_the_limit_is_refused(start: Start) -> None:
    source = "def handler(request):\n    return b'x' * int(request.query['n'])\n"
    box = start(source, answer_bytes=1000)
    assert box.call(query="n=1000").status == 200
    error = box.call(query="n=1001").error
    assert error == {
        "outcome": "script_error",
        "code": "answer_too_large",
        "message": "the answer is 1001 bytes; allowed are response_bytes=1000",
    }
