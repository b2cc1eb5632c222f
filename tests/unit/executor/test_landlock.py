"""What each Landlock version is asked to refuse."""

from __future__ import annotations

import struct

import pytest

from picloud.executor.jail import landlock

REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (1, (0x1FFF,)),
        (2, (0x1FFF | REFER,)),
        (3, (0x1FFF | REFER | TRUNCATE,)),
        (4, (0x1FFF | REFER | TRUNCATE, 0b11)),
        (5, (0x1FFF | REFER | TRUNCATE | IOCTL_DEV, 0b11)),
        (6, (0xFFFF, 0b11, 0b11)),
        (7, (0xFFFF, 0b11, 0b11)),
        (9, (0xFFFF, 0b11, 0b11)),
    ],
)
def test_each_version_is_asked_for_all_it_can_refuse(
    version: int, expected: tuple[int, ...]
) -> None:
    attributes = landlock.handled(version)
    assert struct.unpack(f"={len(attributes) // 8}Q", attributes) == expected
