"""The servers that PiCloud is compared with, each run the way its own documentation says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from picloud.bench import venvs, wasm
from picloud.bench.server import HOST, Child, Server, free_port, wait_until_open

PROGRAMS: Final = Path(__file__).parent / "programs"

Command = Callable[[Path, int], list[str]]


def _uvicorn(module: str) -> Command:
    """One worker, as one process serves in production, without access log as PiCloud's own."""

    def command(cache: Path, port: int) -> list[str]:
        program = venvs.environment(cache, "bench") / "bin" / "uvicorn"
        options = ["--app-dir", str(PROGRAMS), "--host", HOST, "--port", str(port)]
        return [str(program), f"{module}:app", *options, "--log-level=warning", "--no-access-log"]

    return command


def _functions_framework(cache: Path, port: int) -> list[str]:
    program = venvs.environment(cache, "bench") / "bin" / "functions-framework"
    source = PROGRAMS / "functions_app.py"
    return [str(program), "--target=main", f"--source={source}", f"--host={HOST}", f"--port={port}"]


def _wasmtime(cache: Path, port: int) -> list[str]:
    """Instances are kept for further requests: the default of a new one per request is 60 times
    slower, so that it would be no rival."""
    built = wasm.component(cache)
    return [
        str(wasm.engine(cache)), "serve", "-Opooling-allocator=y", "-Scli,http",
        "--allow-precompiled", "--max-instance-reuse-count=1000000000",
        f"--addr={HOST}:{port}", str(built),
    ]  # fmt: skip


RIVALS: Final[Mapping[str, Command]] = {
    "starlette": _uvicorn("starlette_app"),
    "fastapi": _uvicorn("fastapi_app"),
    "fastapi-typed": _uvicorn("fastapi_typed_app"),
    "functions-framework": _functions_framework,
    "wasmtime": _wasmtime,
}


def start(name: str, cache: Path, scratch: Path) -> Server:
    """Set up a rival if need be, start it and wait until it listens."""
    with venvs.one_at_a_time(cache):
        port = free_port()
        command = RIVALS[name](cache, port)
    child = Child(command, scratch / f"{name}.log")
    try:
        wait_until_open(port, child)
    except BaseException:
        child.stop()
        raise
    return Server(name, port, "", child)
