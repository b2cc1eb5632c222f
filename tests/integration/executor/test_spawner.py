"""The spawner with real processes: starts, ends, faults, and that nobody is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from picloud.executor.sandbox_process import SandboxProcess, Spawner, SpawnError
from support import sandboxes

OWNER = """
import asyncio, sys
from pathlib import Path
from support import sandboxes

async def main():
    spawner = sandboxes.spawner_as(int(sys.argv[2]))
    jail = sandboxes.jail_of(Path(sys.argv[1]), "dist/main.js")
    process = await spawner.spawn(sandboxes.at_level(jail, sys.argv[3]))
    sandboxes.first_frame(process)
    print(spawner.pid, process.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def start(spawner: Spawner, host: Path) -> SandboxProcess:
    process = await spawner.spawn(sandboxes.jail_of(host, "dist/main.js"))
    assert b"protocol" in sandboxes.first_frame(process)
    return process


async def test_a_process_says_hello_and_its_end_is_reported(spawner: Spawner, host: Path) -> None:
    process = await start(spawner, host)
    process.link.close()
    assert await sandboxes.ended(process) == ("exit code 0", "")


async def test_a_killed_process_is_reported_with_its_signal(spawner: Spawner, host: Path) -> None:
    process = await start(spawner, host)
    process.kill()
    assert (await sandboxes.ended(process))[0] == "SIGKILL (killed)"
    process.kill()  # harmless
    process.link.close()


async def test_what_a_process_prints_is_kept_up_to_a_bound(spawner: Spawner, host: Path) -> None:
    (host / "flood.cjs").write_text(
        "process.on('uncaughtException', () => process.exit(5));"
        "const fs = require('fs');"
        "for (let i = 0; i < 100; i++) fs.writeSync(2, '\\x1b'.repeat(9999))"
    )
    process = await spawner.spawn(
        sandboxes.jail_of(host, "flood.cjs", read=(str(host / "flood.cjs"),))
    )
    status, said = await sandboxes.ended(process)
    process.link.close()
    assert status == "exit code 5"
    assert 0 < len(said) <= 2 * 65536
    assert set(said) == {"?"}


async def test_a_program_that_is_not_there_is_one_clear_error(spawner: Spawner, host: Path) -> None:
    jail = replace(sandboxes.jail_of(host, "dist/main.js"), program=str(host / "no-node"))
    with pytest.raises(SpawnError, match="No such file or directory"):
        await spawner.spawn(jail)
    process = await start(spawner, host)  # and the spawner goes on
    process.link.close()


async def test_a_file_of_the_jail_that_is_not_there_is_named(spawner: Spawner, host: Path) -> None:
    jail = sandboxes.jail_of(host, "dist/main.js", read=("/no/such/file",))
    with pytest.raises(SpawnError, match="/no/such/file"):
        await spawner.spawn(jail)


async def test_a_spawn_nobody_waits_for_leaves_no_process(spawner: Spawner, host: Path) -> None:
    first = await start(spawner, host)
    spawning = asyncio.ensure_future(spawner.spawn(sandboxes.jail_of(host, "dist/main.js")))
    await asyncio.sleep(0)
    spawning.cancel()
    second = await start(spawner, host)
    children = Path(f"/proc/{spawner.pid}/task/{spawner.pid}/children").read_text().split()  # noqa: ASYNC240
    for pid in {int(child) for child in children} - {first.pid, second.pid}:
        assert await sandboxes.is_gone(pid)
    for process in (first, second):
        process.link.close()
        assert (await sandboxes.ended(process))[0] == "exit code 0"


async def test_no_sandbox_outlives_the_spawner_and_a_new_one_starts(
    spawner: Spawner, host: Path
) -> None:
    processes = [await start(spawner, host) for _ in range(2)]
    killed = spawner.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    for process in processes:
        assert await sandboxes.is_gone(process.pid)
        assert (await sandboxes.ended(process))[0] == "SIGKILL (killed)"
        process.link.close()
    process = await start(spawner, host)
    assert spawner.pid != killed
    process.link.close()


@pytest.mark.parametrize("level", sandboxes.LEVELS)
async def test_no_process_outlives_its_node(place: Path, host: Path, user: int, level: str) -> None:
    (place / "owner.py").write_text(OWNER)
    path = os.pathsep.join(entry for entry in sys.path if entry)
    with subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, place / "owner.py", host, str(user), level],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    ) as owner:
        assert owner.stdout is not None
        line = await asyncio.to_thread(owner.stdout.readline)
        pids = [int(pid) for pid in line.split()]
        assert len(pids) == 2
        owner.kill()
        for pid in pids:
            assert await sandboxes.is_gone(pid)


async def test_closing_ends_every_process(user: int, host: Path) -> None:
    spawner = sandboxes.spawner_as(user)
    processes = [await start(spawner, host) for _ in range(2)]
    spawner_pid = spawner.pid
    assert spawner_pid is not None
    await spawner.close()
    for pid in (spawner_pid, *(process.pid for process in processes)):
        assert await sandboxes.is_gone(pid)
    for process in processes:
        process.link.close()


async def test_the_spawner_sleeps_while_nothing_happens(spawner: Spawner, host: Path) -> None:
    process = await start(spawner, host)

    def switches() -> list[str]:
        status = Path(f"/proc/{spawner.pid}/status").read_text()
        return [line for line in status.splitlines() if "ctxt_switches" in line]

    before = switches()
    await asyncio.sleep(0.5)
    assert switches() == before
    process.link.close()


@pytest.mark.parametrize("level", sandboxes.LEVELS)
async def test_specs_with_other_files_or_rights_do_not_mix(
    spawner: Spawner, host: Path, place: Path, level: str
) -> None:
    """One spawner, in turn: what one sandbox may open the next may not."""
    (place / "secret").write_text(sandboxes.SECRET)
    (host / "read.cjs").write_text(
        "const fs = require('fs');"
        "try { fs.writeSync(1, fs.readFileSync(process.argv[2], 'utf8')) }"
        "catch (error) { fs.writeSync(1, error.code) } process.exit(0)"
    )
    secret = str(place / "secret")
    for allowed in (True, False, True, False):
        read = (str(host), secret) if allowed else (str(host),)
        jail = sandboxes.jail_of(host, "read.cjs", secret, read=read)
        process = await spawner.spawn(sandboxes.at_level(jail, level))
        process.link.close()
        said = (await sandboxes.ended(process))[1]
        assert (said == sandboxes.SECRET) == allowed, said


async def test_a_file_that_is_replaced_is_seen_by_the_next_sandbox(
    spawner: Spawner, host: Path
) -> None:
    for text in ("first", "second"):
        new = host / "new.cjs"
        new.write_text(f"require('fs').writeSync(1, '{text}'); process.exit(0)")
        new.rename(host / "say.cjs")
        jail = sandboxes.jail_of(host, "say.cjs", read=(str(host / "say.cjs"),))
        process = await spawner.spawn(jail)
        process.link.close()
        assert await sandboxes.ended(process) == ("exit code 0", text)
