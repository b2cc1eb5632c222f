"""`pic tokens` and `pic audit` against a real manager: a token from its making to its end."""

from __future__ import annotations

import json
import os
import sys
from asyncio import create_subprocess_exec, wait_for
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.manager_process import EMAIL, PASSWORD, ManagerProcess, running_manager

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0  # seconds


class Terminal:
    """Runs `pic` with an environment of its own."""

    def __init__(self, home: Path, url: str) -> None:
        self.url = url
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "server"),
            "XDG_CONFIG_HOME": str(home),
        }

    async def pic(
        self, *arguments: str, code: int = 0, token: str | None = None
    ) -> tuple[str, str]:
        """What it printed; it must end with this code. With a token as a program has it."""
        environ = {} if token is None else {"PIC_URL": self.url, "PIC_TOKEN": token}
        process = await create_subprocess_exec(
            *(sys.executable, "-m", "picloud.cli.pic.main", *arguments),
            env=self._environment | environ,
            stdout=PIPE,
            stderr=PIPE,
        )
        out, err = await wait_for(process.communicate(), PATIENCE)
        assert process.returncode == code, err.decode()
        return out.decode(), err.decode()


@pytest.fixture
async def manager(database_url: str, tmp_path: Path) -> AsyncIterator[ManagerProcess]:
    """A manager that has made its owner."""
    home = tmp_path / "manager"
    home.mkdir()
    async with running_manager(home, database_url) as manager:
        yield manager


@pytest.fixture
async def owner(manager: ManagerProcess, tmp_path: Path) -> Terminal:
    """The owner, logged in, with an app."""
    terminal = Terminal(tmp_path / "config", manager.url)
    await terminal.pic("login", manager.url, "--email", EMAIL, "--password", PASSWORD)
    await terminal.pic("apps", "create", "demo")
    return terminal


async def test_a_program_works_with_a_token_until_it_is_revoked(
    owner: Terminal, tmp_path: Path
) -> None:
    out, err = await owner.pic(
        *("tokens", "create", "CI", "--scope", "deploy", "--app", "demo", "--expires", "90d")
    )
    secret = out.strip()
    assert secret.startswith("pic_")
    assert secret not in err
    program = Terminal(tmp_path / "nobody", owner.url)
    await program.pic("env", "set", "MODE=test", "--app", "demo", token=secret)
    out, _ = await program.pic("apps", "list", "--json", token=secret)
    assert [app["name"] for app in json.loads(out)] == ["demo"]
    await program.pic("apps", "create", "more", code=3, token=secret)
    await program.pic("tokens", "create", "x", "--scope", "read", code=3, token=secret)
    await program.pic("audit", code=3, token=secret)
    out, _ = await owner.pic("tokens", "list", "--json")
    [listed] = json.loads(out)
    assert (listed["name"], listed["scopes"], listed["app"]) == ("CI", ["DEPLOY"], {"name": "demo"})
    assert listed["lastUsedAt"] is not None
    assert "CI" in (await owner.pic("tokens", "list"))[0]
    await owner.pic("tokens", "revoke", "CI")
    _, err = await program.pic("apps", "list", "--json", code=3, token=secret)
    assert json.loads(err)["error"]["code"] == "unauthenticated"
    await owner.pic("tokens", "revoke", "CI", code=4)
    await program.pic("whoami", code=3, token=secret[:-1])


async def test_the_audit_log_says_what_was_done_and_with_which_token(owner: Terminal) -> None:
    out, _ = await owner.pic("tokens", "create", "CI", "--scope", "deploy", "--json")
    made = json.loads(out)
    token = made["secret"]
    for name in ("A", "B", "C"):
        await owner.pic("env", "set", f"{name}=hush-{name}", "--app", "demo", token=token)
    out, _ = await owner.pic("audit", "export", "--app", "demo", "--action", "env.set")
    entries = [json.loads(line) for line in out.splitlines()]
    assert [entry["after"] for entry in entries] == [{"names": [name]} for name in "ABC"]
    for entry in entries:
        assert entry["actor"] == EMAIL
        assert entry["token"]["name"] == "CI"
        assert entry["credentialId"] == made["token"]["tokenId"]
        assert entry["agent"].startswith("pic")
    out, _ = await owner.pic("audit", "export")
    assert made["secret"] not in out
    assert "hush" not in out
    actions = [json.loads(line)["action"] for line in out.splitlines()]
    assert actions == ["session.create", "app.create", "token.create", *["env.set"] * 3]
    out, _ = await owner.pic("audit", "-n", "1", "--json")
    assert json.loads(out) == entries[-1]
    assert "token CI" in (await owner.pic("audit", "--app", "demo", "--since", "1h"))[0]
    assert "no such entry" in (await owner.pic("audit", "--until", "2020-01-01"))[0]
    await owner.pic("audit", "--app", "none", code=4)
