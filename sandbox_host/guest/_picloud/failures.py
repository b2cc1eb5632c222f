"""Exceptions of a script: a traceback for the log, a code and a sentence for the executor."""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from types import TracebackType

from _picloud.deadline import TimeLimit
from _picloud.host import HOME
from _picloud.invocation import Invocation, Limits
from _picloud.logs import TRACEBACK, finish, record
from _picloud.outbox import outbox

_OURS = "/_picloud/"
FRAMES_MAX = 60
_PLACE = re.compile(rf'^([ |+-]*File "){re.escape(HOME)}/', re.MULTILINE)
_WHAT = {
    "timeout_ms": "the invocation ran longer than",
    "import_ms": "the import ran longer than",
    "stream_idle_ms": "the stream was silent longer than",
}


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
    if inv.ended:
        return
    outcome = "script_error"
    message = report(inv, error)
    if inv.struck:
        outcome = code = "timeout"
        message = overtime(inv)
    elif isinstance(error, (AnswerError, ScriptError)):
        code = error.code
    elif isinstance(error, MemoryError):
        outcome = code = "out_of_memory"
    finish(inv)
    outbox.error(inv, outcome, code, message)


def report(inv: Invocation, error: BaseException) -> str:
    """Log the traceback; returns a sentence that says the same."""
    try:
        if isinstance(error, (AnswerError, ScriptError)):
            text = message = str(error)
        else:
            text, message = format_traceback(error), summary(error)
        # Where it was stuck has been logged when the deadline struck.
        if not (inv.struck and isinstance(error, (TimeLimit, asyncio.CancelledError))):
            record(inv, logging.ERROR, TRACEBACK, text)
        return message
    except BaseException as second:
        return f"{_name(error)} (it can't be told: {_name(second)})"


def overtime(inv: Invocation) -> str:
    """The sentence about an invocation whose deadline has struck."""
    return f"{_WHAT[inv.limit]} {inv.limit}={getattr(Limits, inv.limit)}"


def format_traceback(error: BaseException) -> str:
    """The traceback as Python prints it, without the frames of the host."""
    try:
        if isinstance(error, MemoryError):
            # What the script's variables hold is needed to say that there is not enough.
            traceback.clear_frames(error.__traceback__)
        strip(error)
        lines = traceback.format_exception(error, limit=-FRAMES_MAX)
        return tidy("".join(lines)).rstrip("\n")
    except TimeLimit:
        raise
    except BaseException as second:
        return f"{_name(error)} (its traceback can't be shown: {_name(second)})"


def tidy(text: str) -> str:
    """A traceback with the names that the script's files have for its author."""
    return _PLACE.sub(r"\1", text)


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
    name = _name(error)
    try:
        text = str(error)
    except TimeLimit:
        raise
    except BaseException:
        return name
    return f"{name}: {text}" if text else name


def _name(error: BaseException) -> str:
    # Not type(error).__name__, which a metaclass of the script's may answer.
    return str(type.__dict__["__name__"].__get__(type(error)))
