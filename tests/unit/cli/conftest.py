"""`pic` in this process, with a configuration directory of its own and a platform to talk to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from picloud.cli.pic.main import cli
from support.fake_platform import TOKEN, FakePlatform

Pic = Callable[..., Result]


@pytest.fixture(scope="session")
def running_platform() -> Iterator[FakePlatform]:
    """One server for all tests."""
    with FakePlatform() as running:
        yield running


@pytest.fixture
def platform(running_platform: FakePlatform) -> FakePlatform:
    """An empty platform."""
    running_platform.reset()
    return running_platform


@pytest.fixture
def config_home(tmp_path: Path) -> Path:
    """The user's configuration directory."""
    return tmp_path / "config"


@pytest.fixture
def pic_alone(config_home: Path) -> Pic:
    """Run `pic` as somebody who has never logged in."""

    def run(*arguments: str, stdin: str | bytes | None = None, **env: str | None) -> Result:
        environ = {"XDG_CONFIG_HOME": str(config_home), "PIC_URL": None, "PIC_TOKEN": None} | env
        runner = CliRunner(env={"NO_COLOR": None, **environ})
        return runner.invoke(cli, arguments, input=stdin, prog_name="pic", catch_exceptions=False)

    return run


@pytest.fixture
def pic(pic_alone: Pic, platform: FakePlatform) -> Pic:
    """Run `pic` against the platform with a valid token."""

    def run(*arguments: str, stdin: str | bytes | None = None, **env: str | None) -> Result:
        environ: dict[str, str | None] = {"PIC_URL": platform.url, "PIC_TOKEN": TOKEN}
        return pic_alone(*arguments, stdin=stdin, **{**environ, **env})

    return run
