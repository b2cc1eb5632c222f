"""Secrets at rest: AES-256-GCM with a data key per app, sealed with a key outside the database.

What a seal covers besides the text (its context) says where the text belongs: a row that was moved
to another app, name or revision does not open. docs/adr/0012-env-and-secrets.md.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final
from uuid import UUID

from picloud.store.key_file import KEY_BYTES, KeyFile, VaultError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES: Final = 12
SEAL_BYTES: Final = 29  # what a seal adds to a text
_VERSION: Final = b"\x01"  # of the format: version, nonce, ciphertext with its tag


class Vault:
    """Seals and opens the secrets of one app."""

    def __init__(self, *, app_id: UUID, data_key: bytes) -> None:
        self._app = app_id.bytes
        self._cipher = _cipher(data_key)

    def seal(self, name: str, revision: int, value: str, *, script_id: UUID | None = None) -> bytes:
        """What the database may keep; a secret of the whole app has no script."""
        return _seal(self._cipher, self._context(name, revision, script_id), value.encode())

    def open(
        self, name: str, revision: int, sealed: bytes, *, script_id: UUID | None = None
    ) -> str:
        """The value; raises `VaultError` when anything about it is not as it was sealed."""
        context = self._context(name, revision, script_id)
        return _open(self._cipher, context, sealed, f"the secret {name}").decode()

    def _context(self, name: str, revision: int, script_id: UUID | None) -> bytes:
        # Of fixed width but for the name, which comes last: two contexts never read the same.
        owner = b"secret" + self._app
        if script_id is not None:
            owner = b"script secret" + self._app + script_id.bytes
        return owner + revision.to_bytes(8, "big") + name.encode()


def new_data_key(keys: KeyFile, app_id: UUID) -> tuple[bytes, bytes]:
    """A data key, and the same as the database may keep it."""
    data_key = os.urandom(KEY_BYTES)
    return data_key, _seal(_cipher(keys.key), _key_context(keys.id, app_id), data_key)


def open_data_key(keys: KeyFile, app_id: UUID, *, key_id: str, sealed: bytes) -> bytes:
    """An app's data key; raises `VaultError` when it is another file's or was changed."""
    cipher = _cipher(keys.key_of(key_id))
    return _open(cipher, _key_context(key_id, app_id), sealed, "the key of this app")


def _key_context(key_id: str, app_id: UUID) -> bytes:
    return b"app key" + app_id.bytes + key_id.encode()


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
