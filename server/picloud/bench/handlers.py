"""The three handlers that every server runs, what they are asked and what they must answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

ECHO_BYTES: Final = 10_247
ECHO_OBJECTS: Final = 115
CPU_STEPS: Final = 100_000


class WrongAnswerError(Exception):
    """A server answered something else than the handler's result: its figures mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """One handler: its request, and its answer parsed from JSON."""

    name: str
    method: str
    body: bytes
    answer: Any

    def check(self, status: int, body: bytes) -> None:
        """Raise `WrongAnswerError` unless this is the answer."""
        if status != 200:
            raise WrongAnswerError(f"{self.name} answered {status}: {body[:200]!r}")
        try:
            answer = json.loads(body)
        except ValueError:
            raise WrongAnswerError(f"{self.name} answered no JSON: {body[:200]!r}") from None
        if answer != self.answer:
            raise WrongAnswerError(f"{self.name} answered {body[:200]!r}")


def echo_document() -> dict[str, Any]:
    """115 small objects and a note that fills the text up to 10,247 bytes."""
    rows = [
        {
            "id": number,
            "name": f"item {number:03}",
            "price": number + 0.25,
            "left": number * 7,
            "tags": ["a", "b"],
        }
        for number in range(ECHO_OBJECTS)
    ]
    document: dict[str, Any] = {"rows": rows, "note": ""}
    document["note"] = "x" * (ECHO_BYTES - len(json.dumps(document)))
    return document


def _handlers() -> dict[str, Handler]:
    document = echo_document()
    total = sum(i * i % 7 for i in range(CPU_STEPS))
    hello = {"hello": "world", "n": 1}
    return {
        "hello": Handler(name="hello", method="GET", body=b"", answer=hello),
        "echo": Handler(
            name="echo",
            method="POST",
            body=json.dumps(document).encode(),
            answer={**document, "echoed": True},
        ),
        "cpu": Handler(name="cpu", method="GET", body=b"", answer={"sum": total}),
    }


HANDLERS: Final = _handlers()
