"""A change of env, secrets or policy reaches scripts that run: real manager, node, sandboxes."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from picloud.store.database import Pool
from support.manager import CREATE_APP, Client, RunningManager, running_manager, until
from support.node import NodeProcess, running_node

PATIENCE = 60.0  # seconds; 5 are promised, of a machine that has time
SOURCE = """
import pic

def handler(request):
    return {"secrets": dict(pic.secrets), "env": dict(pic.env), "shown": repr(pic.secrets)}
"""


@dataclass(frozen=True, slots=True)
class Platform:
    """A manager and a node on one database, each with its copy of the key file."""

    manager: RunningManager
    node: NodeProcess
    owner: Client
    key: Path  # the node's

    async def change(self, mutation: str, kind: str, **input: Any) -> None:
        """A change that succeeds."""
        query = f"mutation ($input: {kind}!) {{ {mutation}(input: $input) {{ __typename }} }}"
        answer = await self.owner.ask(query, input={"app": "demo", **input})
        assert answer.data[mutation]["__typename"] == kind.removesuffix("Input") + "Success"

    async def set_secret(self, value: str) -> None:
        """Give TOKEN a value."""
        await self.change("secretSet", "SecretSetInput", secrets=[named("TOKEN", value)])

    async def call(self, app: str = "demo") -> Any:
        """What the script answers."""
        return (await self.node.client.get(f"/x/{app}/hello")).json()

    async def sees(self, *, failing: bool = False, **expected: Any) -> None:
        """Call until the script sees this; unless told, no call may fail on the way."""

        async def holds() -> bool:
            seen = await self.call()
            assert failing or "error" not in seen, seen
            return all(seen.get(name) == value for name, value in expected.items())

        await until(holds, seconds=PATIENCE)

    async def fails(self) -> None:
        """Call until it fails for its secrets, in words that tell strangers nothing."""

        async def holds() -> bool:
            return "error" in await self.call()

        await until(holds, seconds=PATIENCE)
        error = (await self.call())["error"]
        assert error["code"] == "secrets_unreadable"
        assert (
            error["message"] == "The secrets of this app can't be opened; the operator must look."
        )


def named(name: str, value: str) -> dict[str, str]:
    """As an input takes them."""
    return {"name": name, "value": value}


@pytest.fixture
async def platform(pool: Pool, database_url: str, snapshot: Path) -> AsyncIterator[Platform]:
    """The two of them, with the apps demo and plain and their script hello."""
    with TemporaryDirectory(prefix="pc-") as directory:
        key = Path(directory) / "copy.key"
        # A busy machine may need longer for a sandbox than callers wait for one.
        told = {"PICLOUD_KEY_FILE": str(key), "PICLOUD_QUEUE_TIMEOUT_MS": "60000"}
        async with (
            running_manager(database_url, Path(directory)) as manager,
            running_node(pool, database_url, snapshot, told) as node,
        ):
            shutil.copy(Path(directory) / "keys" / "secrets.key", key)
            owner = await manager.client.log_in()
            for app in ("demo", "plain"):
                await owner.ask(CREATE_APP, name=app)
                deployed = await owner.deploy(app, "hello", SOURCE)
                assert deployed["__typename"] == "ScriptDeploySuccess", deployed
            yield Platform(manager, node, owner, key)


async def test_a_script_that_runs_sees_a_new_secret_and_the_old_sandbox_is_retired(
    platform: Platform,
) -> None:
    await platform.set_secret("the first value")
    await platform.sees(secrets={"TOKEN": "the first value"}, env={})
    assert "first" not in (await platform.call())["shown"]
    before = set(platform.node.sandbox_pids())
    await platform.set_secret("the second value")
    await platform.sees(secrets={"TOKEN": "the second value"})

    async def one_is_gone() -> bool:
        return not before <= set(platform.node.sandbox_pids())

    await until(one_is_gone, seconds=PATIENCE)
    await platform.change("secretUnset", "SecretUnsetInput", names=["TOKEN"])
    await platform.change("envSet", "EnvSetInput", variables=[named("MODE", "añ😀")])
    await platform.sees(secrets={}, env={"MODE": "añ😀"})


async def test_calls_during_changes_all_succeed(platform: Platform) -> None:
    await platform.set_secret("0")
    await platform.sees(secrets={"TOKEN": "0"})
    stop = asyncio.Event()

    async def caller() -> set[str]:
        seen = set()
        while not stop.is_set():
            seen.add((await platform.call())["secrets"]["TOKEN"])
        return seen

    async with asyncio.TaskGroup() as group:
        callers = [group.create_task(caller()) for _ in range(4)]
        for number in "123":
            await platform.set_secret(number)
            await platform.sees(secrets={"TOKEN": number})
        stop.set()
    assert set().union(*(each.result() for each in callers)) <= set("0123")


async def test_secrets_that_do_not_open_cost_their_app_and_nobody_else(platform: Platform) -> None:
    await platform.set_secret("value")
    await platform.sees(secrets={"TOKEN": "value"})
    pool = platform.manager.services.pool
    await pool.execute("UPDATE secrets SET sealed = set_bit(sealed, 200, 1 - get_bit(sealed, 200))")
    await platform.change("appEgressSet", "AppEgressSetInput", mode="NONE")
    await platform.fails()
    assert (await platform.call("plain"))["secrets"] == {}
    await platform.set_secret("another value")
    await platform.sees(failing=True, secrets={"TOKEN": "another value"})


async def test_a_node_without_the_key_serves_apps_without_secrets_and_finds_it_later(
    platform: Platform,
) -> None:
    hidden = platform.key.rename(platform.key.with_name("hidden"))
    await platform.set_secret("value")
    await platform.fails()
    assert (await platform.call("plain"))["env"] == {}
    hidden.rename(platform.key)
    await platform.sees(failing=True, secrets={"TOKEN": "value"})


async def test_a_change_ends_the_apps_idle_sandbox_within_five_seconds_and_no_other(
    platform: Platform,
) -> None:
    for app in ("demo", "plain"):
        assert (await platform.call(app))["secrets"] == {}
    before = set(platform.node.sandbox_pids())

    async def one_has_ended() -> bool:
        return len(before - set(platform.node.sandbox_pids())) == 1

    await platform.set_secret("value")
    await until(one_has_ended, seconds=5)  # nobody has called since
    assert (await platform.call())["secrets"] == {"TOKEN": "value"}
    assert (await platform.call("plain"))["secrets"] == {}
    assert await one_has_ended()
