"""WSGI applications named `app`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from picloud.executor import frames
from support.sandbox_client import Box

Start = Callable[..., Box]

ENVIRON = """
import json

def app(environ, start_response):
    body = environ.pop("wsgi.input").read()
    environ.pop("wsgi.errors").write("to the errors\\n")
    start_response("201 Created", [("X-A", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    return [json.dumps({**environ, "body": body.decode()}).encode()]
"""


def test_an_application_is_found_and_sees_the_request(start: Start) -> None:
    box = start()
    bound, _ = box.bind(ENVIRON)
    assert (bound["entry_points"], bound["kind"]) == (["app"], "wsgi")
    answer = box.call(
        method="PUT",
        path="/caf%C3%A9",
        query="a=%20b",
        headers={"x-one": "1", "x_two": "2", "cookie": "c=1", "content-type": "text/css"},
        body=b"xyz",
    )
    assert answer.status == 201
    assert "content-type" not in answer.headers
    pairs = frames.decode_response(answer.frames[-1][3])[1]
    assert [value for name, value in pairs if name == b"set-cookie"] == [b"a=1", b"b=2"]
    assert answer.logs == [(30, frames.STDERR, "to the errors")]
    assert answer.json == {
        "REQUEST_METHOD": "PUT",
        "SCRIPT_NAME": "/x/demo",
        "PATH_INFO": "/cafÃ©",
        "QUERY_STRING": "a=%20b",
        "CONTENT_TYPE": "text/css",
        "CONTENT_LENGTH": "3",
        "SERVER_NAME": "demo.example",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "HTTP_HOST": "demo.example",
        "HTTP_X_ONE": "1",
        "HTTP_COOKIE": "c=1",
        "wsgi.version": [1, 0],
        "wsgi.url_scheme": "https",
        "wsgi.input_terminated": True,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "body": "xyz",
    }


CALL = "start_response('200 OK', [('content-type', 'text/css')])"
FUNCTION = f"def app(environ, start_response):\n    write = {CALL}\n"


@pytest.mark.parametrize(
    "app",
    [
        FUNCTION + "    return [b'a', b'b']\n",
        FUNCTION + "    yield b''\n    yield b'a'\n    yield b'b'\n",
        FUNCTION + "    write(b'a')\n    return [b'b']\n",
        "class app:\n"
        "    def __init__(self, environ, start_response): self.start_response = start_response\n"
        "    def __iter__(self):\n"
        "        start_response = self.start_response\n"
        f"        {CALL}\n"
        "        yield b'ab'\n",
        "class App:\n"
        "    def __call__(self, environ, start_response):\n"
        f"        {CALL}\n"
        "        return iter([b'a', b'b'])\n"
        "app = App()\n",
        f"def app(environ, start_response, more=1):\n    {CALL}\n    return (b'ab',)\n",
    ],
)
def test_every_shape_of_application_is_served(start: Start, app: str) -> None:
    box = start()
    bound, _ = box.bind(app)
    assert bound["kind"] == "wsgi"
    for _ in range(3):
        answer = box.call()
        assert (answer.status, answer.body, answer.error) == (200, b"ab", None)
        assert answer.headers["content-type"] == "text/css"


STREAM = """
class Body:
    def __iter__(self): return self
    def __next__(self): return b"x" * 10_000
    def close(self): print("closed")

def app(environ, start_response):
    start_response("200 OK", [])
    return Body()
"""


def test_a_stream_follows_its_credit_and_is_closed_when_nobody_listens(start: Start) -> None:
    box = start(STREAM)
    stream = box.invoke()
    sent = 0
    while not box.is_silent():
        frame = box.receive()
        sent += len(frame[3]) if frame[0] == frames.DATA else 0
    assert sent == frames.INITIAL_WINDOW
    box.cancel(stream)
    answer = box.answer(stream)
    assert answer.error is not None
    assert answer.error["outcome"] == "cancelled"
    assert [text for _, _, text in answer.logs] == ["closed"]


def test_the_first_part_is_sent_before_the_second_is_made(start: Start) -> None:
    box = start(
        "import time\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    yield b'first'\n"
        "    print('second')\n"
        "    yield b'second'\n"
    )
    answer = box.call()
    kinds = [kind for kind, _, _, _ in answer.frames]
    assert kinds[:3] == [frames.RESPONSE, frames.DATA, frames.LOG]
    assert answer.body == b"firstsecond"


@pytest.mark.parametrize(
    "body",
    [
        "[b'whole']",
        "Closing([b'whole'])",
        "Closing([b'', b'wh', b'ole'])",
        "Closing([])",
        "Closing(Broken())",
    ],
)
def test_close_is_called_whatever_happens(start: Start, body: str) -> None:
    box = start(
        "class Closing:\n"
        "    def __init__(self, parts): self.parts = parts\n"
        "    def __iter__(self): return iter(self.parts)\n"
        "    def close(self): print('closed')\n"
        "class Broken:\n"
        "    def __iter__(self): raise ValueError('broken')\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [('content-length', '5')])\n"
        f"    return {body}\n"
    )
    answer = box.call()
    said = [text for _, source, text in answer.logs if source == frames.STDOUT]
    assert said == ([] if body.startswith("[") else ["closed"])
    assert (answer.error is not None) == ("Broken" in body)


def test_an_error_replaces_the_head_as_long_as_it_has_not_been_sent(start: Start) -> None:
    box = start(
        "import sys\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [('x-page', 'good')])\n"
        "    if environ['PATH_INFO'] == '/late': yield b'sent'\n"
        "    try:\n"
        "        raise ValueError('the cause')\n"
        "    except ValueError:\n"
        "        start_response('500 Oh no', [('x-page', 'bad')], sys.exc_info())\n"
        "        yield b'error page'\n"
    )
    early = box.call(path="/early")
    assert (early.status, early.headers["x-page"], early.body) == (500, "bad", b"error page")
    late = box.call(path="/late")
    assert (late.status, late.body) == (200, b"sent")
    assert late.error is not None
    assert late.error["message"] == "ValueError: the cause"


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ("raise ValueError('no')", "script_raised", "ValueError: no"),
        ("return [b'x']", "answer_invalid", "without calling start_response"),
        ("start_response(200, [])", "answer_invalid", "the status is 200"),
        ("start_response('99 No', [])", "answer_invalid", "the status is '99 No'"),
        ("start_response('200 OK', [('a', 'b\\n')])", "answer_invalid", "control characters"),
        (
            "start_response('200 OK', []); start_response('200 OK', [])",
            "script_raised",
            "a second time",
        ),
        ("start_response('200 OK', []); return ['text']", "answer_invalid", "yielded str"),
        ("start_response('200 OK', [])('text')", "answer_invalid", "wrote str"),
        (
            "start_response('200 OK', [])(b'x' * 20_000_000)",
            "answer_too_large",
            "response_bytes=10485760",
        ),
        ("start_response('200 OK', []); return None", "script_raised", "TypeError"),
    ],
)
def test_what_is_wrong_is_named(start: Start, body: str, code: str, says: str) -> None:
    box = start(
        "def app(environ, start_response):\n"
        "    if environ['PATH_INFO'] == '/x': return bad(start_response)\n"
        "    start_response('200 OK', [])\n"
        "    return [b'on']\n"
        f"def bad(start_response):\n    {body}\n"
    )
    answer = box.call(path="/x")
    assert answer.error is not None
    assert answer.error["code"] == code
    assert says in answer.error["message"]
    assert box.call().body == b"on"


def test_an_endless_body_of_nothing_is_stopped(start: Start) -> None:
    box = start(
        "import itertools\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return itertools.repeat(b'')\n"
    )
    error = box.call(timeout_ms=100).error
    assert error is not None
    assert error["code"] == "timeout"


@pytest.mark.parametrize(
    "app",
    ["def app(): pass", "def app(a, b, c, d): pass", "app = 5", "async def app(a, b): pass"],
)
def test_what_is_no_application_is_refused(start: Start, app: str) -> None:
    error, _ = start().bind(app)
    assert error["code"] == "handler_invalid"
    assert "app " in error["message"]
