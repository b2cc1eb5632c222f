"""Exceptions of a script: a traceback for the log, a code and a sentence for the executor."""

from __future__ import annotations

import logging
import traceback
from types import TracebackType

from _picloud.invocation import Invocation
from _picloud.logs import TRACEBACK, finish, record
from _picloud.outbox import outbox

_OURS = "/_picloud/"
_FRAMES_MAX = 60


class AnswerError(Exception):
    """What the handler gave back can't be an answer."""

    def __init__(self, message: str, code: str = "answer_invalid") -> None:
        super().__init__(message)
        self.code = code


class ScriptError(Exception):
    """The script can't be bound: it has no handler, or one of a wrong shape."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def fail(inv: Invocation, error: BaseException, code: str = "script_raised") -> None:
    """End a stream with a failure; the traceback is a log record before it."""
    if isinstance(error, (AnswerError, ScriptError)):
        code, message = error.code, str(error)
        record(inv, logging.ERROR, TRACEBACK, message)
    else:
        record(inv, logging.ERROR, TRACEBACK, format_traceback(error))
        message = summary(error)
    outcome = "script_error"
    if isinstance(error, MemoryError):
        outcome = code = "out_of_memory"
    finish(inv)
    inv.ended = True
    outbox.error(inv.stream, outcome, code, message)


def format_traceback(error: BaseException) -> str:
    """The traceback as Python prints it, without the frames of the host."""
    try:
        strip(error)
        lines = traceback.format_exception(error, limit=-_FRAMES_MAX)
        return "".join(lines).rstrip("\n")
    except BaseException as second:
        return f"{type(error).__name__} (its traceback can't be shown: {type(second).__name__})"


def strip(error: BaseException | None) -> None:
    """Cut the host's own frames off the outer end of a traceback and of those it came from."""
    seen = 0
    while error is not None and seen < 50:
        error.__traceback__ = _outer_cut(error.__traceback__)
        error, seen = error.__cause__ or error.__context__, seen + 1


def _outer_cut(frames: TracebackType | None) -> TracebackType | None:
    while frames is not None and _OURS in frames.tb_frame.f_code.co_filename:
        frames = frames.tb_next
    return frames


def summary(error: BaseException) -> str:
    """`ValueError: bad`, whatever `str` of the error does."""
    name = type(error).__name__
    try:
        text = str(error)
    except BaseException:
        return name
    return f"{name}: {text}" if text else name
