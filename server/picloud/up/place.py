"""The place the platform runs in: its directories, one owner at a time, and a free port."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from picloud.config import Settings
from picloud.errors import Expected
from picloud.ports import holder_of_port

_EVERYBODY_PASSES: Final = 0o711  # as root: PostgreSQL and the sandboxes run as other users
_OURS: Final = 0o700


class PlaceError(Expected):
    """The platform cannot run here."""

    code = "place_unusable"


def make_directories(settings: Settings) -> None:
    """Data, logs and sockets; nobody else may look into them."""
    outer = _EVERYBODY_PASSES if os.geteuid() == 0 else _OURS
    _make(settings.data_dir, outer, "data directory")
    _make(settings.data_dir / "logs", _OURS, "log directory")
    _make(settings.run_dir, _OURS, "socket directory")


def _make(directory: Path, mode: int, what: str) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if directory.lstat().st_uid != os.geteuid():
            raise PlaceError(f"The {what} {directory} belongs to another user.")
        directory.chmod(mode)
        probe = directory / f".write-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as fault:
        why = (fault.strerror or str(fault)).lower()
        raise PlaceError(f"The {what} {directory} cannot be written: {why}.") from None


@contextlib.contextmanager
def owned(data_dir: Path) -> Iterator[None]:
    """Hold the data directory; the kernel frees it when this process ends."""
    lock = os.open(data_dir / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(lock, 32).decode("ascii", "replace").strip()
            raise PlaceError(
                f"PiCloud already runs on {data_dir} (process {holder or 'unknown'})."
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)


def check_port(host: str, port: int) -> None:
    """Fail with the holder's name when the port is taken."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as fault:
        raise PlaceError(f"PICLOUD_HOST {host} is not an address: {fault}.") from None
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as fault:
            raise PlaceError(_port_sentence(host, port, fault)) from None


def _port_sentence(host: str, port: int, fault: OSError) -> str:
    if fault.errno == errno.EADDRINUSE:
        holder = holder_of_port(port)
        who = f" by {holder}" if holder else ""
        return f"Port {port} is in use{who}: choose another with PICLOUD_PORT."
    if fault.errno == errno.EACCES:
        return f"Port {port} needs root: choose another with PICLOUD_PORT."
    return f"PiCloud cannot listen on {host} port {port}: {fault.strerror}."
