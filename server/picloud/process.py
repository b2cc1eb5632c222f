"""What a process of ours does about itself."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def die_with_parent(how: signal.Signals = signal.SIGTERM, *, parent: int | None = None) -> None:
    """Have the kernel send this signal when the thread that started this process ends.

    Call it in the new process, after any change of user (which clears it). Give the parent's pid
    where it is known: a parent that was gone before the call is noticed by it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(how), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), how)
