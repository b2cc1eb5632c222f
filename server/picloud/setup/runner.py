"""Runs the steps that are not up to date, one set-up at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from picloud.setup.commands import Commands, StepFailedError
from picloud.setup.stamps import Stamp
from picloud.setup.steps import Step


class SetupError(Exception):
    """The set-up cannot be completed: one clear message."""


def complete(steps: Sequence[Step], state: Path) -> bool:
    """Whether nothing is left to do."""
    return not _stale(steps, state)


def ensure(steps: Sequence[Step], state: Path) -> None:
    """Make what is missing. Stopped at any point, the next call goes on from there."""
    if not _stale(steps, state):
        return
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise SetupError(f"{state} cannot be written: {fault.strerror}") from None
    with _alone(state):
        stale = _stale(steps, state)
        for number, step in enumerate(stale, 1):
            _make(step, state, f"[{number}/{len(stale)}]")


def made(step: Step, state: Path) -> tuple[Path, ...]:
    """The files the step named when it was made."""
    return _stamp(step, state).made()


def _stale(steps: Sequence[Step], state: Path) -> list[Step]:
    return [
        step
        for step in steps
        if not all(file.exists() for file in (*step.outputs, *_stamp(step, state).made()))
        or not _stamp(step, state).matches(step.inputs)
    ]


def _make(step: Step, state: Path, count: str) -> None:
    _say(f"{count} {step.title} …")
    began = time.monotonic()
    log = state / f"{step.name}.log"
    log.unlink(missing_ok=True)
    try:
        made = step.make(Commands(log))
    except StepFailedError as fault:
        raise SetupError(f"{step.title}: {fault}\nThe whole output is in {log}") from None
    except OSError as fault:
        raise SetupError(f"{step.title}: {fault}") from None
    _stamp(step, state).write(step.inputs, made or ())
    _say(f"{count} {step.title}: {time.monotonic() - began:.1f} s")


def _stamp(step: Step, state: Path) -> Stamp:
    return Stamp(state / f"{step.name}.json")


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[None]:
    """One set-up at a time; the lock goes with the process, however it ends."""
    try:
        lock = os.open(state / "setup.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as fault:
        raise SetupError(f"{state} cannot be written: {fault.strerror}") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            _say("waiting for another set-up of this checkout …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _say(line: str) -> None:
    sys.stderr.write(f"set-up: {line}\n")
    sys.stderr.flush()
