"""The keys outside the database: a file of ours with the key-encryption keys of the secrets.

Its first line is the key that seals; the lines below are keys that still open what they sealed,
between the steps of a rotation (`picloud.store.rotation`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from picloud.errors import PlatformError

KEY_BYTES: Final = 32
# Messages reach callers of scripts: the place of the file is the operator's (`picloud config`).
_FILE: Final = "the key file (PICLOUD_KEY_FILE)"


class VaultError(PlatformError):
    """The secrets of an app cannot be opened or sealed."""

    code = "secrets_unreadable"


class KeyFile:
    """Keys of 32 bytes in hexadecimal digits, one a line, in a file only we may read.

    It is read when it is first needed and then kept, so that a process without secrets to open
    needs no file; it is read again for a key it did not hold then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys: tuple[bytes, ...] = ()

    @property
    def key(self) -> bytes:
        """The key that seals; raises `VaultError` when there is none or the file is not one."""
        return self._known()[0]

    @property
    def id(self) -> str:
        """The fingerprint of that key: which key sealed something, and nothing about the key."""
        return fingerprint(self.key)

    @property
    def ids(self) -> tuple[str, ...]:
        """The fingerprints of all keys, the one that seals first."""
        return tuple(map(fingerprint, self._known()))

    def key_of(self, key_id: str) -> bytes:
        """The key with this fingerprint; raises `VaultError` when the file does not hold it."""
        for keys in (self._known(), self.read()):
            for key in keys:
                if fingerprint(key) == key_id:
                    return key
        held = " and ".join(self.ids)
        raise VaultError(f"the secrets were sealed with the key {key_id}, but {_FILE} holds {held}")

    def read(self) -> tuple[bytes, ...]:
        """Read the file anew; raises `VaultError`."""
        self._keys = self._read()
        return self._keys

    def ensure(self) -> None:
        """Make the file unless it is there; of two processes at once the first one wins.

        Raises `VaultError`.
        """
        if self.path.exists():
            return
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self._draft([os.urandom(KEY_BYTES)])
            try:
                os.link(draft, self.path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        except OSError as error:
            raise VaultError(f"{_FILE} cannot be made: {error.strerror}") from error

    def write(self, keys: Sequence[bytes]) -> None:
        """Put these keys in the place of the old ones, at once; raises `VaultError`."""
        try:
            os.replace(self._draft(keys), self.path)
            directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise VaultError(f"{_FILE} cannot be written: {error.strerror}") from error
        self._keys = tuple(keys)

    def _draft(self, keys: Sequence[bytes]) -> Path:
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.writelines(f"{key.hex()}\n" for key in keys)
            file.flush()
            os.fsync(file.fileno())
        return draft

    def _known(self) -> tuple[bytes, ...]:
        return self._keys or self.read()

    def _read(self) -> tuple[bytes, ...]:
        try:
            mode = self.path.stat().st_mode
            lines = self.path.read_text("ascii").split()
            keys = tuple(map(bytes.fromhex, lines)) or (b"",)
        except FileNotFoundError as error:
            raise VaultError(
                f"{_FILE} is missing; every manager and node needs a copy of the same one"
            ) from error
        except OSError as error:
            raise VaultError(f"{_FILE} cannot be read: {error.strerror}") from error
        except ValueError:
            raise VaultError(f"{_FILE} holds no hexadecimal digits") from None
        if wrong := [len(key) for key in keys if len(key) != KEY_BYTES]:
            raise VaultError(f"{_FILE} holds {wrong[0]} bytes, not {KEY_BYTES}")
        if mode & 0o077:
            raise VaultError(f"others than its owner may use {_FILE}: chmod 600 it")
        return keys


def fingerprint(key: bytes) -> str:
    """Which key it is."""
    return hashlib.sha256(b"picloud key id" + key).hexdigest()[:16]
