"""What a handler is told about its request."""

from __future__ import annotations

from collections.abc import Callable

from picloud.executor import frames
from support.sandbox_client import Box

Start = Callable[..., Box]

SHOW = """
def handler(request):
    return {
        "method": request.method, "path": request.path, "params": request.path_params,
        "query": request.query.pairs(), "ip": request.client_ip, "url": request.url,
        "agent": request.headers.get("User-Agent"), "cookies": request.cookies,
        "id": request.invocation_id, "text": request.text(),
    }
"""


def test_a_handler_sees_the_request_as_it_was_sent(start: Start) -> None:
    box = start(SHOW)
    seen = box.call(
        method="PUT",
        path="/caf%C3%A9/a%20b",
        query="a=1&a=2&b=%26+x",
        headers={"user-agent": "test", "cookie": "sid=1; theme=dark"},
        params="name=a%20b",
        body="é".encode(),
    ).json
    assert seen.pop("id").count("-") == 4
    assert seen == {
        "method": "PUT",
        "path": "/café/a b",
        "params": {"name": "a b"},
        "query": [["a", "1"], ["a", "2"], ["b", "& x"]],
        "ip": "192.0.2.7",
        "url": "https://demo.example/x/demo/caf%C3%A9/a%20b?a=1&a=2&b=%26+x",
        "agent": "test",
        "cookies": {"sid": "1", "theme": "dark"},
        "text": "é",
    }


def test_a_body_in_many_frames_arrives_as_a_whole(start: Start) -> None:
    box = start("def handler(request):\n    return request.body\n")
    body = bytes(range(256)) * 4096
    parts = [body[at : at + 100_000] for at in range(0, len(body), 100_000)]
    stream = box.invoke(method="POST", body=parts[0], end=False)
    granted = 0
    for number, part in enumerate(parts[1:], 2):
        end = frames.END if number == len(parts) else 0
        box.send(frames.encode(frames.DATA, end, stream, part))
    while granted < len(body) - len(parts[-1]):
        kind, _, of, payload = box.receive()
        assert (kind, of) == (frames.WINDOW, stream)
        granted += frames.decode_window(payload)
    assert box.answer(stream).body == body


def test_a_body_that_never_comes_holds_up_nobody(start: Start) -> None:
    box = start("def handler(request):\n    return request.text()\n")
    stuck = box.invoke(method="POST", body=b"half", end=False)
    assert box.receive()[0] == frames.WINDOW
    assert box.call(method="POST", body=b"whole").body == b"whole"
    box.cancel(stuck)
    error = box.answer(stuck).error
    assert error is not None
    assert error["code"] == "cancelled"


def test_json_and_forms_are_parsed(start: Start) -> None:
    box = start(
        "def handler(request):\n"
        "    if request.path == '/json':\n"
        "        return request.json()\n"
        "    form = request.form()\n"
        "    file = form.get('file')\n"
        "    return {'name': form.get('name'), 'file': file and [file.filename, len(file.body)]}\n"
    )
    assert box.call(path="/json", body=b'{"a": 1}').json == {"a": 1}
    urlencoded = {"content-type": "application/x-www-form-urlencoded"}
    assert box.call(headers=urlencoded, body=b"name=a+b").json == {"name": "a b", "file": None}
    multipart = {"content-type": "multipart/form-data; boundary=xyz"}
    body = (
        b'--xyz\r\nContent-Disposition: form-data; name="name"\r\n\r\nme\r\n'
        b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
        b"\x00\r\n\x01\r\n--xyz--\r\n"
    )
    answer = box.call(headers=multipart, body=body)
    assert answer.json == {"name": "me", "file": ["a.bin", 4]}


def test_many_invocations_at_once_are_answered_in_order(start: Start) -> None:
    box = start("def handler(request):\n    return request.query['n']\n")
    streams = [box.invoke(query=f"n={number}") for number in range(3000)]
    seen = [box.receive() for _ in streams]
    assert [frame[2] for frame in seen] == streams
    assert [frames.decode_response(f[3])[2] for f in seen] == [b"%d" % n for n in range(3000)]
