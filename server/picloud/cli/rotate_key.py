"""`picloud rotate-key`: new keys for all secrets, while the platform runs."""

from __future__ import annotations

from datetime import UTC, datetime

from picloud.config import Settings
from picloud.errors import Expected
from picloud.store import rotation
from picloud.store.database import DATABASE_LOST, Connection, connect
from picloud.store.key_file import KeyFile
from picloud.up import parts


class DatabaseUnreachableError(Expected):
    """The database does not run: start the platform first, with picloud up."""

    code = "database_unreachable"


async def prepare(settings: Settings) -> str:
    """Put a new key into the key file, beside the old one; its fingerprint."""
    db = await _connect(settings)
    try:
        return await rotation.prepare(db, KeyFile(settings.key_file))
    finally:
        await db.close()


async def rotate(settings: Settings) -> rotation.Rotation:
    """Seal every secret with new keys and forget the old ones."""
    db = await _connect(settings)
    try:
        return await rotation.rotate(db, KeyFile(settings.key_file), now=datetime.now(UTC))
    finally:
        await db.close()


async def _connect(settings: Settings) -> Connection:
    url = settings.database_url
    dsn = parts.postgres(settings)[1].running_url() if url is None else url.reveal()
    if dsn is None:
        raise DatabaseUnreachableError
    try:
        return await connect(dsn, name="picloud rotate-key")
    except DATABASE_LOST as error:
        raise DatabaseUnreachableError(f"The database does not answer: {error}.") from error
