"""`isolation: invocation`: every request finds the interpreter as the first one found it.

The host keeps a copy of the interpreter's memory once `settle` has returned, puts it back after
every invocation, and then calls `renew`.
"""

from __future__ import annotations

import gc
import logging
import random
import tempfile
import time

from _picloud import calls


def settle() -> None:
    """Leave nothing half done: what is in the memory now is there for every request."""
    gc.collect()


def renew(last_call: int) -> None:
    """Make this request differ from all others; its calls are numbered from `last_call` on."""
    differ()
    for index in range(len(calls.numbers)):
        calls.numbers[index] = last_call


def differ() -> None:
    """Forget what every interpreter of the same memory has in common and should not."""
    random.seed()
    tempfile._name_sequence = None  # type: ignore[attr-defined]  # it has its own random state
    logging._startTime = time.time_ns()  # type: ignore[attr-defined]
