"""The steps of the set-up, as data: a name, what it depends on, what it makes, and how."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from picloud.setup.commands import Commands
from picloud.setup.stamps import Inputs

Make = Callable[[Commands], Sequence[Path] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One part of the set-up. `make` may run again after it was interrupted at any point.

    It returns the files it made under names of their own, if any.
    """

    name: str
    title: str
    inputs: Inputs
    outputs: tuple[Path, ...]
    make: Make


def python_packages(root: Path, requirements: str) -> Step:
    """The virtual environment with the locked packages of `requirements/<name>.txt`."""
    lock = root / "requirements" / f"{requirements}.txt"
    venv = root / ".venv"
    started = root / ".picloud" / "venv-in-progress"
    version = sysconfig.get_python_version()

    def make(commands: Commands) -> None:
        python = venv / "bin" / "python"
        fits = (venv / "lib" / f"python{version}" / "site-packages" / "pip").is_dir()
        if started.exists() or not fits or not python.exists():
            base = getattr(sys, "_base_executable", sys.executable)
            commands.run([base, "-I", "-m", "venv", "--clear", str(venv)])
        started.touch()
        options = ["--require-hashes", "--no-deps", "--disable-pip-version-check", "--no-input"]
        commands.run([str(python), "-I", "-m", "pip", "install", *options, "-r", str(lock)])
        started.unlink()

    return Step(
        name=f"python-{requirements}",
        title="Python packages"
        if requirements == "runtime"
        else f"Python packages: {requirements}",
        inputs=Inputs(files=(lock,), words=(version, sysconfig.get_platform())),
        outputs=(venv / "bin" / "python",),
        make=make,
    )


def guest_packages(root: Path) -> Step:
    """The HTTP clients that tests mount into sandboxes: pure Python, only unpacked."""
    lock = root / "requirements" / "test-guest.txt"
    target = root / ".picloud" / "test-guest"

    def make(commands: Commands) -> None:
        shutil.rmtree(target, ignore_errors=True)
        options = ["--require-hashes", "--no-deps", "--no-compile", "--disable-pip-version-check"]
        pure = ["--only-binary=:all:", "--platform", "any", "--target", str(target)]
        python = [sys.executable, "-I", "-m", "pip", "install"]
        commands.run([*python, *options, *pure, "-r", str(lock)])

    return Step(
        name="test-guest",
        title="Python packages for sandboxes of the tests",
        inputs=Inputs(files=(lock,)),
        outputs=(target,),
        make=make,
    )


def npm_packages(project: Path, title: str) -> Step:
    """The locked npm packages of one project."""
    lock = project / "package-lock.json"

    def make(commands: Commands) -> None:
        commands.npm(project, "ci", "--ignore-scripts", "--no-audit", "--no-fund")

    return Step(
        name=f"npm-{project.name}",
        title=f"{title}: npm packages",
        inputs=Inputs(files=(lock,)),
        outputs=(project / "node_modules" / ".package-lock.json",),
        make=make,
    )


def issuer_packages(root: Path) -> Step:
    """The OpenID Connect issuer that tests log in with."""
    return npm_packages(root / "tests" / "support" / "issuer", "issuer of the tests")


def npm_build(project: Path, title: str, sources: tuple[str, ...]) -> Step:
    """What `npm run build` makes in `dist`."""
    dist = project / "dist"

    def make(commands: Commands) -> None:
        shutil.rmtree(dist, ignore_errors=True)
        commands.npm(project, "run", "build")

    names = ("package.json", "package-lock.json", *sources)
    return Step(
        name=f"build-{project.name}",
        title=f"{title}: build",
        inputs=Inputs(files=tuple(project / name for name in names)),
        outputs=(dist,),
        make=make,
    )


def checkout_steps(root: Path) -> list[Step]:
    """What a checkout needs besides Python packages; a wheel brings these with it."""
    host, playground = root / "sandbox_host", root / "playground"
    return [
        npm_packages(host, "sandbox host"),
        npm_build(
            host,
            "sandbox host",
            ("tsconfig.json", "tsconfig.realm.json", "src", "guest", "../server/pic"),
        ),
        npm_packages(playground, "playground"),
        npm_build(playground, "playground", ("src", "build.mjs", "tsconfig.json")),
    ]
