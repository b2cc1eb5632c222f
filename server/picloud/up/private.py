"""A `picloud up` of one's own: in a directory and on a port of its own, ended with its owner."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import secrets
import signal
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from picloud import assets
from picloud.errors import PlatformError
from picloud.process import die_with_parent

EMAIL: Final = "owner@localhost"
_PREFIX: Final = "PICLOUD_"
# What must not leak from the caller's platform into this one. The snapshots may be shared.
_KEPT: Final = frozenset({"PICLOUD_CACHE_DIR", "PICLOUD_ALLOW_WEAK_ISOLATION"})
_READY_SECONDS: Final = 600.0  # the first start of a fresh checkout sets everything up
_STOP_SECONDS: Final = 30.0
_PAUSE: Final = 0.05


class PrivatePlatformError(PlatformError):
    """The platform of one's own ended, or did not come up."""

    code = "private_platform_failed"


def command() -> tuple[str, ...]:
    """The checkout's launcher, which builds what is missing; else the installed package."""
    root = assets.checkout()
    if root is not None and (root / ".venv").is_dir():
        return (str(root / "picloud"), "up")
    return (sys.executable, "-m", "picloud.cli.picloud", "up")


def environ(settings: Mapping[str, object]) -> dict[str, str]:
    """The environment with these settings (as in `picloud config`, lower case) and no other."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_PREFIX) or name in _KEPT
    }
    return {**kept, **{_PREFIX + name.upper(): str(value) for name, value in settings.items()}}


class PrivatePlatform:
    """Runs while it is entered. Its data and its log `up.log` are in `home`."""

    def __init__(self, home: Path, *, port: int, **settings: object) -> None:
        self.url = f"http://localhost:{port}"
        self.password = secrets.token_urlsafe(12)
        self._log = home / "up.log"
        self._environ = environ(
            {
                "data_dir": home,
                "port": port,
                "owner_email": EMAIL,
                "owner_password": self.password,
                **settings,
            }
        )
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        with self._log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *command(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environ,
                start_new_session=True,  # Ctrl-C is ours: we stop it in order
                preexec_fn=functools.partial(die_with_parent, parent=os.getpid()),
            )
        try:
            await self._until_ready(self._process)
        except BaseException:
            await self._stop(self._process)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            await self._stop(self._process)

    async def ended(self) -> None:
        """Wait while it runs; raises `PrivatePlatformError` when it ends by itself."""
        if self._process is not None:
            await self._process.wait()
            raise self._failed(f"ended with {self._process.returncode}")

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        try:
            async with asyncio.timeout(_READY_SECONDS):
                while not await asyncio.to_thread(_is_ready, self.url):
                    if process.returncode is not None:
                        raise self._failed(f"ended with {process.returncode}")
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            raise self._failed(f"was not ready after {_READY_SECONDS:.0f} s") from None

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        """SIGTERM, and SIGKILL for its group when that does not help."""
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    def _failed(self, how: str) -> PrivatePlatformError:
        tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-12:])
        return PrivatePlatformError(f"The platform {how}. Its last lines:\n{tail}")


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:  # noqa: S310 - ours
            return bool(answer.status == 200)
    except OSError:
        return False
