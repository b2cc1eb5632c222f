"""The three handlers: the same work for every server."""

import json
import runpy
from types import SimpleNamespace

import pytest

from picloud.bench.handlers import HANDLERS, Handler, WrongAnswerError
from picloud.bench.rivals import PROGRAMS


def test_the_body_of_echo_is_as_large_as_promised() -> None:
    body = HANDLERS["echo"].body
    assert len(body) == 10_247
    assert len(json.loads(body)["rows"]) == 115


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=lambda handler: handler.name)
def test_our_scripts_do_the_work(handler: Handler) -> None:
    script = runpy.run_path(str(PROGRAMS / "picloud" / f"{handler.name}.py"))
    request = SimpleNamespace(json=lambda: json.loads(handler.body))
    handler.check(200, json.dumps(script["handler"](request)).encode())


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b'{"hello": "world", "n": 1}'),
        (200, b'{"hello": "world"}'),
        (200, b"hello"),
        (200, b""),
    ],
)
def test_any_other_answer_is_refused(status: int, body: bytes) -> None:
    with pytest.raises(WrongAnswerError, match="hello answered"):
        HANDLERS["hello"].check(status, body)


def test_an_echo_that_adds_nothing_is_refused() -> None:
    echo = HANDLERS["echo"]
    with pytest.raises(WrongAnswerError):
        echo.check(200, echo.body)
