"""Landlock: the files a sandbox may open. Everything the kernel can refuse is refused.

Each kernel knows an ABI number; a newer one can handle more. Without a rule a handled action fails.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from typing import Final

from picloud.executor.jail import kernel
from picloud.executor.jail.syscalls import Architecture

EXECUTE: Final = 1 << 0
READ_FILE: Final = 1 << 2

# (from this ABI on, rights of the file system it handles)
_FILE_SYSTEM: Final = ((1, (1 << 13) - 1), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
_NETWORK: Final = 0b11  # bind and connect TCP, from ABI 4
_SCOPES: Final = 0b11  # abstract unix sockets and signals of outsiders, from ABI 6


def abi(architecture: Architecture) -> int:
    """The kernel's Landlock version. Raises OSError when there is none."""
    version_flag = 1
    number = architecture.numbers["landlock_create_ruleset"]
    return kernel.syscall(number, None, 0, version_flag)


def handled(version: int) -> bytes:
    """`struct landlock_ruleset_attr`: all that this version can refuse."""
    files = 0
    for since, rights in _FILE_SYSTEM:
        files |= rights if version >= since else 0
    if version >= 6:
        return struct.pack("=QQQ", files, _NETWORK, _SCOPES)
    if version >= 4:
        return struct.pack("=QQ", files, _NETWORK)
    return struct.pack("=Q", files)


def ruleset(architecture: Architecture, *, read: Iterable[str], execute: Iterable[str]) -> int:
    """Rules that open these paths; a directory opens what lies beneath it. Returns a descriptor.

    They hold for the files themselves, wherever they are seen. Raises OSError, also for a path
    that is not there.
    """
    numbers = architecture.numbers
    attributes = kernel.buffer(handled(abi(architecture)))
    rules = kernel.syscall(numbers["landlock_create_ruleset"], attributes, len(attributes), 0)
    try:
        for path in read:
            _add_rule(numbers["landlock_add_rule"], rules, path, READ_FILE)
        for path in execute:
            _add_rule(numbers["landlock_add_rule"], rules, path, READ_FILE | EXECUTE)
    except OSError:
        os.close(rules)
        raise
    return rules


def restrict(architecture: Architecture, rules: int) -> None:
    """Close the file system to this process but for what the rules open. Needs no_new_privs."""
    kernel.syscall(architecture.numbers["landlock_restrict_self"], rules, 0)


def _add_rule(number: int, ruleset: int, path: str, rights: int) -> None:
    path_beneath = 1
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = kernel.buffer(struct.pack("=QI", rights, descriptor))
        kernel.syscall(number, ruleset, path_beneath, rule, 0)
    finally:
        os.close(descriptor)
