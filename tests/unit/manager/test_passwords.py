"""Hashing is never the way to keep the machine busy (A1)."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from picloud.domain.failures import TooManyAttempts
from picloud.manager.passwords import MAX_WAITING, Passwords


class Watched(PasswordHasher):
    """Argon2 that is cheap, stops at a gate, and counts how many are at work."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.gate = threading.Event()
        self.at_work = 0
        self.most = 0
        self._lock = threading.Lock()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        """Hash once the gate is open."""
        with self._lock:
            self.at_work += 1
            self.most = max(self.most, self.at_work)
        self.gate.wait(20)
        hashed = super().hash(password, salt=salt)
        with self._lock:
            self.at_work -= 1
        return hashed


@pytest.fixture
def hasher() -> Iterator[Watched]:
    """One whose gate is open at the end, whatever happens."""
    watched = Watched()
    yield watched
    watched.gate.set()


async def test_no_more_are_at_work_than_cores_and_no_more_wait_than_allowed(
    hasher: Watched,
) -> None:
    passwords = Passwords(hasher)
    waiting = [asyncio.create_task(passwords.hash(str(n))) for n in range(MAX_WAITING)]
    await asyncio.sleep(0)  # they have all begun
    with pytest.raises(TooManyAttempts, match=f"{MAX_WAITING} may wait"):
        await passwords.hash("one more")
    hasher.gate.set()
    hashes = await asyncio.gather(*waiting)
    assert len(set(hashes)) == MAX_WAITING
    assert 1 <= hasher.most <= (os.cpu_count() or 1)
    assert await passwords.verify(hashes[0], "0")
    passwords.close()


async def test_a_password_that_does_not_fit_and_none_at_all_cost_the_same_work(
    hasher: Watched,
) -> None:
    hasher.gate.set()
    passwords = Passwords(hasher)
    hashed = await passwords.hash("right")
    assert await passwords.verify(hashed, "right")
    assert not await passwords.verify(hashed, "wrong")
    assert not await passwords.verify(None, "right")
    assert not await passwords.verify("no hash", "right")
    passwords.close()
