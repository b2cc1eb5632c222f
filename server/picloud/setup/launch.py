"""From a bare checkout to a running program, in the order packages, re-exec, the rest."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from picloud.setup import browser, runner, steps

_ROOT: Final = Path(__file__).resolve().parents[3]
_STATE: Final = _ROOT / ".picloud"
_NEEDS_ALL: Final = frozenset({"up", "node", "manager", "test", "build", "bench"})
_EXTRA_PACKAGES: Final = {"test": ("test",), "build": ("build",)}


def main(arguments: Sequence[str]) -> int:
    """`arguments` are the program's name and its own arguments."""
    program, *rest = arguments
    command = next((word for word in rest if not word.startswith("-")), "")
    if program == "pic" or "--help" in rest:
        command = ""
    try:
        _set_up(program, rest, command)
    except runner.SetupError as fault:
        sys.stderr.write(f"{fault}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\nset-up: stopped; the next start goes on from here\n")
        return 130
    return _run(program, rest)


def _set_up(program: str, rest: Sequence[str], command: str) -> None:
    names = ("runtime", *_EXTRA_PACKAGES.get(command, ()))
    packages = [steps.python_packages(_ROOT, name) for name in names]
    _ensure(packages)
    venv = _ROOT / ".venv"
    if Path(sys.prefix).resolve() != venv.resolve():
        python = str(venv / "bin" / "python")
        entry = str(Path(__file__).with_name("__main__.py"))
        os.execv(python, [python, "-I", entry, program, *rest])  # noqa: S606  # no shell wanted
    if command in _NEEDS_ALL:
        audits = steps.npm_packages(_ROOT / "tests" / "support" / "graphql_http", "audits")
        issuer = steps.issuer_packages(_ROOT)
        tested = [browser.step(_ROOT), steps.guest_packages(_ROOT), issuer, audits]
        extra = tested if command == "test" else []
        _ensure([*steps.checkout_steps(_ROOT), *extra])


def _ensure(wanted: Sequence[steps.Step]) -> None:
    if runner.complete(wanted, _STATE):
        return
    if not os.access(_ROOT, os.W_OK):
        raise runner.SetupError(
            f"The checkout {_ROOT} is not set up and not writable: "
            "run ./picloud up once as the user who owns it."
        )
    runner.ensure(wanted, _STATE)


def _run(program: str, rest: Sequence[str]) -> int:
    sys.argv = [program, *rest]
    if program == "pic":
        from picloud.cli.pic.main import main as run
    else:
        from picloud.cli.picloud import main as run
    run()
    return 0
