"""A real manager process for tests, on a TCP port of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx

SERVER: Final = Path(__file__).parents[2] / "server"
START_SECONDS: Final = 30.0
EMAIL: Final = "owner@example.org"
PASSWORD: Final = "correct horse battery"


class ManagerProcess:
    """A manager that can be killed and started again at the same address."""

    def __init__(self, directory: Path, database_url: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = directory / "manager.log"
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(SERVER),
            "PICLOUD_DATA_DIR": str(directory),
            "PICLOUD_DATABASE_URL": database_url,
            "PICLOUD_MANAGER_LISTEN": f"127.0.0.1:{self.port}",
            "PICLOUD_OWNER_EMAIL": EMAIL,
            "PICLOUD_OWNER_PASSWORD": PASSWORD,
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        with self._log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "picloud.manager",
                env=self._environment,
                stdout=output,
                stderr=output,
            )
        async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(base_url=self.url) as client:
            while True:
                if await self._is_ready(client, self._process):
                    return
                await asyncio.sleep(0.02)

    async def log_in(self, email: str, password: str) -> str:
        """The token of a new session."""
        query = """mutation ($input: SessionCreateInput!) {
          sessionCreate(input: $input) { ... on SessionCreateSuccess { token } }
        }"""
        variables = {"input": {"email": email, "password": password}}
        async with httpx.AsyncClient(base_url=self.url, timeout=30) as client:
            body = {"query": query, "variables": variables}
            answer = (await client.post("/graphql", json=body)).json()
        return str(answer["data"]["sessionCreate"]["token"])

    async def _is_ready(
        self, client: httpx.AsyncClient, process: asyncio.subprocess.Process
    ) -> bool:
        if process.returncode is not None:
            raise RuntimeError(f"the manager ended: {self._log.read_text()}")
        try:
            return (await client.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """End it in order."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await asyncio.wait_for(self._process.wait(), 20)


@asynccontextmanager
async def running_manager(directory: Path, database_url: str) -> AsyncIterator[ManagerProcess]:
    """Start a manager, stop it by SIGTERM at the end."""
    manager = ManagerProcess(directory, database_url)
    await manager.start()
    try:
        yield manager
    finally:
        await manager.stop()
