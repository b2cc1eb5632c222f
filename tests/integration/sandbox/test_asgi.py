"""ASGI applications named `app`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from picloud.executor import frames
from support.sandbox_client import Answer, Box

Start = Callable[..., Box]

HELPERS = """
import asyncio, json, pic

async def answer(send, body, status=200, headers=()):
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})
"""
SCOPE = """
def shown(value):
    if isinstance(value, bytes): return value.decode("latin-1")
    if isinstance(value, (list, tuple)): return [shown(each) for each in value]
    return value

async def app(scope, receive, send):
    assert scope["type"] == "http"
    event = await receive()
    seen = {name: shown(value) for name, value in scope.items()}
    seen["event"] = [event["type"], len(event["body"]), event["more_body"]]
    await answer(send, json.dumps(seen).encode(), 201, [(b"X-Kind", b"a"), (b"x-kind", b"b")])
"""


def traceback(answer: Answer) -> str:
    return "\n".join(text for _, source, text in answer.logs if source == frames.TRACEBACK)


def test_an_application_is_found_and_sees_the_request(start: Start) -> None:
    box = start()
    bound, _ = box.bind(HELPERS + SCOPE)
    assert (bound["entry_points"], bound["kind"]) == (["app"], "asgi")
    answer = box.call(
        method="PUT", path="/caf%C3%A9", query="a=%20b", headers={"cookie": "c=1"}, body=b"xyz"
    )
    assert answer.status == 201
    assert "content-type" not in answer.headers
    seen = answer.json
    assert seen["event"] == ["http.request", 3, False]
    assert (seen["method"], seen["scheme"], seen["http_version"]) == ("PUT", "https", "1.1")
    assert (seen["root_path"], seen["path"]) == ("/x/demo", "/x/demo/café")
    assert seen["raw_path"] == "/x/demo/caf%C3%A9"
    assert seen["query_string"] == "a=%20b"
    assert ["cookie", "c=1"] in seen["headers"]
    assert seen["client"] == ["192.0.2.7", 0]
    assert seen["server"] == ["demo.example", 443]
    values = [v for n, v in frames.decode_response(answer.frames[-1][3])[1] if n == b"x-kind"]
    assert values == [b"a", b"b"]


@pytest.mark.parametrize(
    "app",
    [
        "class App:\n"
        "    async def __call__(self, scope, receive, send):\n"
        "        await answer(send, b'on')\n"
        "app = App()\n",
        "class app:\n"
        "    def __init__(self, scope, receive, send): self.send = send\n"
        "    def __await__(self): return answer(self.send, b'on').__await__()\n",
        "def app(scope, receive, send): return answer(send, b'on')\n",
        "import functools\n"
        "async def full(other, scope, receive, send): await answer(send, b'on')\n"
        "app = functools.partial(full, 1)\n",
        "async def app(*args): await answer(args[2], b'on')\n",
    ],
)
def test_every_shape_of_application_is_served(start: Start, app: str) -> None:
    box = start()
    bound, _ = box.bind(HELPERS + app)
    assert bound["kind"] == "asgi"
    assert [box.call().body for _ in range(3)] == [b"on"] * 3


def test_a_handler_wins_over_an_application(start: Start) -> None:
    box = start()
    source = "async def app(scope, receive, send): pass\ndef handler(request): return 'handler'\n"
    bound, _ = box.bind(source)
    assert bound["entry_points"] == ["handler"]
    assert box.call().body == b"handler"


STREAM = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    try:
        for number in range(100):
            await send({"type": "http.response.body", "body": b"x" * 10_000, "more_body": True})
        await send({"type": "http.response.body"})
    finally:
        print("closed")
"""


def test_a_stream_stops_where_its_credit_ends(start: Start) -> None:
    box = start(HELPERS + STREAM)
    stream = box.invoke()
    sent = 0
    while not box.is_silent():
        frame = box.receive()
        sent += len(frame[3]) if frame[0] == frames.DATA else 0
    assert sent == frames.INITIAL_WINDOW
    box.send(frames.encode_window(stream, 1_000_000))
    answer = box.answer(stream)
    assert len(answer.body) == 1_000_000 - frames.INITIAL_WINDOW
    assert answer.error is None


def test_a_large_body_in_one_message_tells_its_length(start: Start) -> None:
    size = 3_000_000
    source = f"async def app(scope, receive, send): await answer(send, b'x' * {size})\n"
    answer = start(HELPERS + source).call()
    assert answer.headers["content-length"] == str(size)
    assert len(answer.body) == size


def test_a_client_that_leaves_is_told_and_then_cancels(start: Start) -> None:
    source = (
        "async def app(scope, receive, send):\n"
        "    print('begins')\n"
        "    await receive()\n"
        "    if scope['path'].endswith('/polite'):\n"
        "        print((await receive())['type'])\n"
        "        try: await answer(send, b'late')\n"
        "        except OSError as error: print(error)\n"
        "        return\n"
        "    try: await asyncio.sleep(3600)\n"
        "    finally: print('ends')\n"
    )
    box = start(HELPERS + source)
    for path, said in (
        ("/polite", ["begins", "http.disconnect", "the client has closed the connection"]),
        ("/deaf", ["begins", "ends"]),
    ):
        stream = box.invoke(path=path)
        first = box.receive()
        box.cancel(stream)
        answer = box.answer(stream)
        assert answer.error is not None
        assert answer.error["outcome"] == "cancelled"
        assert ["begins", *(text for _, _, text in answer.logs)] == said
        assert frames.decode_log(first[3])[3] == "begins"


def test_a_stream_whose_client_leaves_is_cancelled(start: Start) -> None:
    box = start(HELPERS + STREAM)
    stream = box.invoke()
    while not box.is_silent():
        box.receive()
    box.cancel(stream)
    answer = box.answer(stream)
    assert answer.error is not None
    assert answer.error["outcome"] == "cancelled"
    assert [text for _, _, text in answer.logs] == ["closed"]


def test_requests_interleave(start: Start) -> None:
    box = start(
        HELPERS + "event = asyncio.Event()\n"
        "async def app(scope, receive, send):\n"
        "    if scope['path'].endswith('/wait'): await event.wait()\n"
        "    event.set()\n"
        "    await answer(send, b'on')\n"
    )
    waiting = box.invoke(path="/wait")
    assert box.call().body == b"on"
    assert box.answer(waiting).body == b"on"


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ("raise ValueError('no')", "script_raised", "ValueError: no"),
        ("return", "answer_invalid", "ended without an answer"),
        (
            "await send({'type': 'http.response.start', 'status': 200})",
            "answer_invalid",
            "before its answer was complete",
        ),
        ("await answer(send, 'text')", "answer_invalid", "str as body"),
        ("await answer(send, b'', 99)", "answer_invalid", "the status is 99"),
        ("await answer(send, b'', 200, [('a', 'b')])", "answer_invalid", "pair of bytes"),
        ("await answer(send, b'', 200, [(b'a', b'\\n')])", "answer_invalid", "control characters"),
        (
            "await answer(send, b'', 200, [(b'a', b'x' * 50_000)])",
            "answer_too_large",
            "header_bytes=32768",
        ),
        ("await answer(send, b'x' * 20_000_000)", "answer_too_large", "response_bytes=10485760"),
        ("await send({'type': 'websocket.accept'})", "script_raised", "can't be sent now"),
        ("await answer(send, b'ok'); raise ValueError('late')", "script_raised", "late"),
    ],
)
def test_what_is_wrong_is_named(start: Start, body: str, code: str, says: str) -> None:
    source = (
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'lifespan': return\n"
        f"    if scope['path'].endswith('/x'): {body if ';' not in body else 'await bad(send)'}\n"
        "    else: await answer(send, b'on')\n"
        f"async def bad(send):\n    {body if ';' in body else 'pass'}\n"
    )
    box = start(HELPERS + source)
    answer = box.call(path="/x")
    assert answer.error is not None
    assert answer.error["code"] == code
    assert says in answer.error["message"]
    assert box.call().body == b"on"


def test_an_error_page_of_its_own_stands_and_the_traceback_is_logged(start: Start) -> None:
    box = start(
        HELPERS + "async def app(scope, receive, send):\n"
        "    await answer(send, b'my own page', 500)\n"
        "    raise ValueError('the cause')\n"
    )
    answer = box.call()
    assert (answer.status, answer.body, answer.error) == (500, b"my own page", None)
    assert "ValueError: the cause" in traceback(answer)


def test_work_after_the_answer_holds_up_nobody_and_belongs_to_its_invocation(
    start: Start,
) -> None:
    box = start(
        HELPERS + "async def app(scope, receive, send):\n"
        "    await answer(send, b'done')\n"
        "    await asyncio.sleep(0.2)\n"
        "    print('afterwards', pic.invocation.id == scope['path'] or 'same')\n"
        "    raise ValueError('in the background')\n"
    )
    stream = box.invoke()
    kind, flags, of, payload = box.receive()
    assert (kind, flags, of) == (frames.RESPONSE, 0, stream)
    status, headers, body = frames.decode_response(payload)
    assert (status, body) == (200, b"done")
    assert (b"content-length", b"4") in headers
    answer = box.answer(stream)
    assert answer.error is None
    assert answer.logs[0][2].startswith("afterwards")
    assert "in the background" in traceback(answer)


def test_a_client_that_leaves_after_its_answer_does_not_stop_the_work(start: Start) -> None:
    box = start(
        HELPERS + "async def app(scope, receive, send):\n"
        "    await answer(send, b'done')\n"
        "    await asyncio.sleep(0.1)\n"
        "    print('finished')\n"
    )
    stream = box.invoke()
    assert box.receive()[0] == frames.RESPONSE
    box.cancel(stream)
    assert box.answer(stream).error is None
    kind, _, of, payload = box.receive()
    assert (kind, of, frames.decode_log(payload)[3]) == (frames.LOG, 0, "finished")


LIFESPAN = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        print((await receive())["type"])
        await asyncio.sleep(0.05)
        scope["state"]["made"] = ["at startup"]
        await send({"type": "lifespan.startup.complete"})
        print((await receive())["type"])
        await asyncio.sleep(0.05)
        print("cleaned up")
        await send({"type": "lifespan.shutdown.complete"})
    else:
        scope["state"]["mine"] = 1
        await answer(send, json.dumps(scope["state"]).encode())
"""


def test_lifespan_surrounds_the_requests(start: Start) -> None:
    box = start()
    bound, answer = box.bind(HELPERS + LIFESPAN)
    assert bound["kind"] == "asgi"
    assert bound["import_ms"] >= 50
    assert [text for _, _, text in answer.logs] == ["lifespan.startup"]
    assert box.call().json == {"made": ["at startup"], "mine": 1}
    assert box.call().json == {"made": ["at startup"], "mine": 1}
    stream = box.invoke()
    box.send(frames.encode(frames.RETIRE, 0, 0))
    assert box.answer(stream).status == 200
    said = [frames.decode_log(box.receive()[3])[3] for _ in range(2)]
    assert said == ["lifespan.shutdown", "cleaned up"]
    assert box.end()[0] == 0


@pytest.mark.parametrize(
    ("start_up", "says"),
    [
        (
            "await send({'type': 'lifespan.startup.failed', 'message': 'no disk'})",
            {"code": "import_failed", "message": "the app's lifespan startup failed: no disk"},
        ),
        (
            "await asyncio.sleep(3600)",
            {"code": "timeout", "message": "the import ran longer than import_ms=300"},
        ),
    ],
)
def test_a_start_that_fails_is_a_failed_import(
    start: Start, start_up: str, says: dict[str, Any]
) -> None:
    source = f"async def app(scope, receive, send):\n    await receive()\n    {start_up}\n"
    error, _ = start().bind(HELPERS + source, import_ms=300)
    assert {name: error[name] for name in says} == says


@pytest.mark.parametrize(
    "app",
    [
        "    if scope['type'] != 'http': raise ValueError('what?')\n",
        "    if scope['type'] != 'http': return\n",
        "    event = await receive()\n    event['body']\n",
        "    if scope['type'] == 'lifespan': await answer(send, b'?')\n",
    ],
)
def test_an_application_without_lifespan_is_served(start: Start, app: str) -> None:
    box = start()
    source = f"async def app(scope, receive, send):\n{app}    await answer(send, b'on')\n"
    bound, _ = box.bind(HELPERS + source)
    assert bound.get("kind") == "asgi"
    assert box.call().body == b"on"


def test_invocation_is_that_of_whoever_asks(start: Start) -> None:
    box = start(
        HELPERS + "async def app(scope, receive, send):\n"
        "    before = pic.invocation.id\n"
        "    await asyncio.sleep(0.05)\n"
        "    left = pic.invocation.remaining_ms()\n"
        "    seen = [before == pic.invocation.id, before, left]\n"
        "    await answer(send, json.dumps(seen).encode())\n",
        app="shop",
    )
    streams = [box.invoke() for _ in range(3)]
    seen = [json.loads(box.answer(stream).body) for stream in streams]
    assert all(same for same, _, _ in seen)
    assert len({id for _, id, _ in seen}) == 3
    assert all(0 < left <= 9950 for _, _, left in seen)
