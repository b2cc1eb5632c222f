"""Secrets at rest: AES-256-GCM with a data key per app, sealed with a key outside the database.

What a seal covers besides the text (its context) says where the text belongs: a row that was moved
to another app, name or revision does not open. docs/adr/0012-env-and-secrets.md.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

from picloud.errors import PlatformError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
SEAL_BYTES: Final = 29  # what a seal adds to a text
# Messages reach callers of scripts: the place of the file is the operator's (`picloud config`).
_FILE: Final = "the key file (PICLOUD_KEY_FILE)"
_VERSION: Final = b"\x01"  # of the format: version, nonce, ciphertext with its tag


class VaultError(PlatformError):
    """The secrets of an app cannot be opened or sealed."""

    code = "secrets_unreadable"


class KeyFile:
    """The key-encryption key: 32 bytes in hexadecimal digits in a file only we may read.

    It is read when it is first needed and then kept, so that a process without secrets to open
    needs no file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._key: bytes | None = None

    @property
    def key(self) -> bytes:
        """The key; raises `VaultError` when there is none or the file is not one."""
        if self._key is None:
            self._key = self._read()
        return self._key

    @property
    def id(self) -> str:
        """A fingerprint that says which key sealed something, and nothing about the key."""
        return hashlib.sha256(b"picloud key id" + self.key).hexdigest()[:16]

    def require(self, key_id: str | None) -> None:
        """Raise `VaultError` unless this is the key that sealed something; None: nothing is."""
        if key_id is not None and key_id != self.id:
            raise VaultError(
                f"the secrets were sealed with the key {key_id}, but {_FILE} holds {self.id}"
            )

    def ensure(self) -> None:
        """Make the file unless it is there; of two processes at once the first one wins.

        Raises `VaultError`.
        """
        if self.path.exists():
            return
        try:
            self._make()
        except OSError as error:
            raise VaultError(f"{_FILE} cannot be made: {error.strerror}") from error

    def _make(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(f"{os.urandom(KEY_BYTES).hex()}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, self.path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()

    def _read(self) -> bytes:
        try:
            mode = self.path.stat().st_mode
            key = bytes.fromhex(self.path.read_text("ascii"))
        except FileNotFoundError as error:
            raise VaultError(
                f"{_FILE} is missing; every manager and node needs a copy of the same one"
            ) from error
        except OSError as error:
            raise VaultError(f"{_FILE} cannot be read: {error.strerror}") from error
        except ValueError:
            raise VaultError(f"{_FILE} holds no hexadecimal digits") from None
        if len(key) != KEY_BYTES:
            raise VaultError(f"{_FILE} holds {len(key)} bytes, not {KEY_BYTES}")
        if mode & 0o077:
            raise VaultError(f"others than its owner may use {_FILE}: chmod 600 it")
        return key


class Vault:
    """Seals and opens the secrets of one app."""

    def __init__(self, *, app_id: UUID, data_key: bytes) -> None:
        self._app = app_id.bytes
        self._cipher = _cipher(data_key)

    def seal(self, name: str, revision: int, value: str) -> bytes:
        """What the database may keep."""
        return _seal(self._cipher, self._context(name, revision), value.encode())

    def open(self, name: str, revision: int, sealed: bytes) -> str:
        """The value; raises `VaultError` when anything about it is not as it was sealed."""
        context = self._context(name, revision)
        return _open(self._cipher, context, sealed, f"the secret {name}").decode()

    def _context(self, name: str, revision: int) -> bytes:
        # Of fixed width but for the name, which comes last: two contexts never read the same.
        return b"secret" + self._app + revision.to_bytes(8, "big") + name.encode()


def new_data_key(keys: KeyFile, app_id: UUID) -> tuple[bytes, bytes]:
    """A data key, and the same as the database may keep it."""
    data_key = os.urandom(KEY_BYTES)
    return data_key, _seal(_cipher(keys.key), _key_context(keys, app_id), data_key)


def open_data_key(keys: KeyFile, app_id: UUID, *, key_id: str, sealed: bytes) -> bytes:
    """An app's data key; raises `VaultError` when it is another file's or was changed."""
    keys.require(key_id)
    return _open(_cipher(keys.key), _key_context(keys, app_id), sealed, "the key of this app")


def _key_context(keys: KeyFile, app_id: UUID) -> bytes:
    return b"app key" + app_id.bytes + keys.id.encode()


def _cipher(key: bytes) -> AESGCM:
    # Imported by the first secret: a node without any saves 9 MB and 36 ms.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _seal(cipher: AESGCM, context: bytes, plain: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return _VERSION + nonce + cipher.encrypt(nonce, plain, _VERSION + context)


def _open(cipher: AESGCM, context: bytes, sealed: bytes, what: str) -> bytes:
    from cryptography.exceptions import InvalidTag

    version, nonce, text = sealed[:1], sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        return cipher.decrypt(nonce, text, version + context)
    except (InvalidTag, ValueError):
        raise VaultError(f"{what} does not open: its row in the database was changed") from None
