"""Our own loader and Node's flags without the jail: recorded, not promised.

`golden/jail_off.json` says of every case what holds it when the jail is away: "the loader", or what
it reaches then. A line that changes is a change of the second wall, to be looked at by a person.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from escape import case as cases
from escape.case import Case
from escape.world import ENVIRONMENT, World
from picloud.executor.frames import ProtocolError
from support.sandbox_client import Answer, Box

GOLDEN = Path(__file__).parent / "golden" / "jail_off.json"
HELD = "the loader"
_PATIENCE = 8.0  # seconds an attack may take
# A process that is stuck, dead or fat is the node's business and the jail's; so is the broker.
CASES = [
    case
    for case in cases.every()
    if case.canary not in ("time", "death", "memory") and "broker" not in case.name
]
RUNNER = """
async def handler(request):
    job = request.json()
    scope = {"__name__": "case"}
    exec(job["script"], scope)
    return await scope["_run"](job["job"])
"""


class Boxes:
    """Sandboxes without a jail: one serves case after case until it is spoilt."""

    def __init__(self, snapshot: Path) -> None:
        self._snapshot = snapshot
        self._box = self._start()

    def attack(self, case: Case, world: World) -> set[str]:
        """What a case touches."""
        box, alive = self._box, True
        limit = threading.Timer(_PATIENCE, box.process.kill)
        limit.start()
        try:
            body = json.dumps({"script": case.script, "job": world.job}).encode()
            said = _text(box.answer(box.invoke(body=body)))
        except (EOFError, OSError):
            said, alive = "", False
        except ProtocolError:
            return {"link"}
        finally:
            limit.cancel()
        touched = world.touched(said, [box.process.pid])
        if case.spoils or not alive:
            box.close()
            self._box = self._start()
        return touched

    def close(self) -> None:
        """End the last one."""
        self._box.close()

    def _start(self) -> Box:
        box = Box(self._snapshot, environment=ENVIRONMENT)
        box.bind(RUNNER)
        return box


@pytest.fixture(scope="module")
def boxes(snapshot: Path) -> Iterator[Boxes]:
    """Sandboxes with a secret in their environment."""
    boxes = Boxes(snapshot)
    yield boxes
    boxes.close()


@pytest.fixture(scope="module")
def golden() -> dict[str, str]:
    """What is recorded."""
    recorded: dict[str, str] = json.loads(GOLDEN.read_text())
    return recorded


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_holds_it_without_the_jail_is_recorded(
    case: Case, boxes: Boxes, world: World, golden: dict[str, str]
) -> None:
    touched = boxes.attack(case, world)
    assert golden.get(case.name) == (", ".join(sorted(touched)) or HELD)


def test_nothing_is_recorded_of_a_case_that_is_gone(golden: dict[str, str]) -> None:
    assert sorted(golden) == [case.name for case in CASES]


def _text(answer: Answer) -> str:
    logs = " ".join(text for _, _, text in answer.logs)
    return f"{answer.body.decode(errors='replace')} {answer.error} {answer.headers} {logs}"
