"""Password hashing with Argon2id, off the event loop and never on more cores than there are."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar, TypeVarTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from picloud.domain.failures import TooManyAttempts

_WORKERS: Final = max(1, (os.cpu_count() or 1) - 1)
MAX_WAITING: Final = 64  # passwords to hash or verify, those under way included

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Passwords:
    """Hashes and verifies. Hashing must not be the way to keep the machine busy: few threads, and
    a short queue for them. Beyond it every method raises `TooManyAttempts`."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(_WORKERS, thread_name_prefix="argon2")
        self._nobody: str | None = None
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """The hash to store."""
        return await self._run(self._hasher.hash, _octets(password))

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Whether the password fits; no hash costs as much time as a wrong password."""
        if hashed is None:
            if self._nobody is None:
                self._nobody = await self._run(self._hasher.hash, os.urandom(16))
            hashed = self._nobody
            password = ""
        return await self._run(self._fits, hashed, _octets(password))

    def outdated(self, hashed: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        if self._waiting >= MAX_WAITING:
            raise TooManyAttempts(rule=f"{MAX_WAITING} may wait for their turn", seconds=5)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        finally:
            self._waiting -= 1

    def _fits(self, hashed: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False


def _octets(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
