"""User ids for sandboxes: each belongs to one of them at a time."""

from __future__ import annotations

import errno
import socket
from collections import deque
from typing import Final

# Above the users of systems and people, below the subordinate ids that useradd hands out.
FIRST: Final = 70_000
BLOCK: Final = 2048  # twice the most sandboxes a node may have
_BLOCKS: Final = 14
_CLAIM = "\0picloud-user-ids-"  # an abstract name: nobody else can have it, it ends with its owner


class UserIds:
    """A block of ids that no other spawner of this machine has while this one lives."""

    def __init__(self) -> None:
        """Claim the first free block. Raises OSError when all are taken."""
        self._claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self.first = self._claim_block()
        except OSError:
            self.close()
            raise
        self._free = deque(range(self.first, self.first + BLOCK))

    def __str__(self) -> str:
        return f"{self.first} to {self.first + BLOCK - 1}"

    def take(self) -> int:
        """The id that has been unused for longest. Raises OSError when all are in use."""
        if not self._free:
            raise OSError(errno.EAGAIN, f"all user ids from {self} are in use")
        return self._free.popleft()

    def give_back(self, user: int) -> None:
        """Its sandbox has ended."""
        self._free.append(user)

    def close(self) -> None:
        """Others may claim the block."""
        self._claim.close()

    def _claim_block(self) -> int:
        for first in range(FIRST, FIRST + _BLOCKS * BLOCK, BLOCK):
            try:
                self._claim.bind(f"{_CLAIM}{first}")
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                return first
        raise OSError(errno.EAGAIN, "all blocks of user ids are claimed by other nodes")
